package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	core "github.com/sightline-mesh/sightline/controlplane/mesh"
)

// TestTapShowsLiveRequests watches the demo's shop as a person would: what comes to a
// service, what it calls, and a request of one's own by its path, from both its sidecars.
func TestTapShowsLiveRequests(t *testing.T) {
	m := startDemo(t, "--rps", "20")
	tapped := func(args ...string) []core.Tapped {
		t.Helper()
		_, seen := m.tapping(t, args...)
		return seen()
	}
	for _, r := range tapped("reviews", "--from", "gateway", "-n", "5") {
		if r.Service != "reviews" || r.Direction != core.InboundTap || r.Peer != "gateway" || !r.MTLS || r.Took <= 0 || r.Status == 0 {
			t.Errorf("from gateway: %+v", r)
		}
	}
	ratings := tapped("reviews", "--to", "ratings", "-n", "5")
	if len(ratings) != 5 {
		t.Errorf("to ratings: %d requests, want 5", len(ratings))
	}
	for _, r := range ratings {
		if r.Direction != core.OutboundTap || r.Peer != "ratings" || r.Protocol != "grpc" {
			t.Errorf("to ratings: %+v", r)
		}
	}

	own, seen := m.tapping(t, "users", "--path", "/users/tapped", "-n", "1")
	client := through(m.at["cart:v1"].Outbound)
	tick := time.NewTicker(100 * time.Millisecond) // until the tap has reached the sidecars
	defer tick.Stop()
	for done := false; !done; {
		select {
		case <-own:
			done = true
		case <-tick.C:
			ask(t, client, "http://users/users/tapped", "Authorization", "Bearer hunter2")
		}
	}
	got := seen()
	if len(got) != 1 || got[0].Path != "/users/tapped" {
		t.Fatalf("one's own request: %+v", got)
	}
	told := false
	for _, h := range got[0].Request {
		told = told || strings.EqualFold(h.Name, "authorization")
		if strings.Contains(h.Value, "hunter2") {
			t.Errorf("a secret is shown: %+v", h)
		}
	}
	if !told {
		t.Errorf("that there is a secret is not shown: %+v", got[0].Request)
	}
}

// tapping starts a tap. Ended is closed when it has; seen is then what it showed.
func (m *mesh) tapping(t *testing.T, args ...string) (ended <-chan struct{}, seen func() []core.Tapped) {
	t.Helper()
	over := make(chan struct{})
	var out string
	var err error
	go func() {
		defer close(over)
		out, err = m.command(t, append([]string{"tap", "-o", "json", "--for", "30s"}, args...)...)
	}()
	return over, func() (all []core.Tapped) {
		t.Helper()
		<-over
		if err != nil {
			t.Fatalf("tap %v: %v\n%s", args, err, out)
		}
		for line := range strings.Lines(out) {
			var r core.Tapped
			if !strings.HasPrefix(line, "{") {
				continue // of standard error: what is not shown
			}
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatalf("tap %v: %v in %q", args, err, line)
			}
			all = append(all, r)
		}
		return all
	}
}

// TestTopCountsLiveRequests: the table adds up what the load sends, by caller and callee.
func TestTopCountsLiveRequests(t *testing.T) {
	m := startDemo(t, "--rps", "20")
	out, err := m.command(t, "top", "reviews", "--services", "--for", "10s", "-o", "json")
	if err != nil {
		t.Fatalf("top: %v\n%s", err, out)
	}
	var rows []struct {
		Source, Target, Method, Route string
		Requests                      uint64
		Best, Median, Worst           time.Duration
		Success                       float64
	}
	if err := json.Unmarshal([]byte(out[strings.Index(out, "["):]), &rows); err != nil {
		t.Fatalf("top: %v in\n%s", err, out)
	}
	to := map[string]uint64{}
	for _, r := range rows {
		to[r.Target] += r.Requests
		if r.Source != "reviews" && r.Target != "reviews" || r.Best > r.Median || r.Median > r.Worst || r.Best <= 0 || r.Success < 0 || r.Success > 1 {
			t.Errorf("row %+v", r)
		}
	}
	if to["reviews"] < 20 || to["ratings"] == 0 {
		t.Errorf("requests by callee %v; want a good part of 10 s of load", to)
	}
	text, err := m.command(t, "top", "reviews", "--services", "--for", "3s")
	if err != nil || !strings.Contains(text, "SUCCESS") || !strings.Contains(text, "ratings") {
		t.Errorf("top as text: %v\n%s", err, text)
	}
}
