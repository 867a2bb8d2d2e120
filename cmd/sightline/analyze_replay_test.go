package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// twelve answers each piece of a replay with as many requests as it has.
type twelve struct {
	asked  []url.Values
	each   int
	failAt int
}

func (s *twelve) Send(_ context.Context, _, path string, _, out any) error {
	u, err := url.Parse(path)
	if err != nil {
		return err
	}
	s.asked = append(s.asked, u.Query())
	if len(s.asked) == s.failAt {
		return errors.New("connection refused")
	}
	start, _ := time.Parse(time.RFC3339Nano, u.Query().Get("start"))
	end, _ := time.Parse(time.RFC3339Nano, u.Query().Get("end"))
	*out.(*mesh.Replay) = mesh.Replay{Start: start, End: end, Requests: s.each, Same: s.each}
	return nil
}

func TestReplayGoesBackPieceByPiece(t *testing.T) {
	end := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	api, said := &twelve{each: 5}, &bytes.Buffer{}
	r := replaying{api: api, end: end, window: time.Hour, limit: 1000, progress: said}
	got, err := r.run(t.Context())
	if err != nil || got.Requests != 60 || !got.Start.Equal(end.Add(-time.Hour)) || !got.End.Equal(end) || got.Partial != "" {
		t.Errorf("got %+v, %v; want all of the hour", got, err)
	}
	if api.asked[0].Get("end") != "2026-03-01T12:00:00Z" || api.asked[11].Get("start") != "2026-03-01T11:00:00Z" || api.asked[11].Get("limit") != "945" {
		t.Errorf("asked for %v", api.asked)
	}
	if !strings.Contains(said.String(), "replayed the last 30m0s of 1h0m0s: 30 requests") {
		t.Errorf("progress %q", said)
	}
	got, err = replaying{api: &twelve{each: 5}, end: end, window: time.Hour, limit: 12}.run(t.Context())
	if err != nil || got.Requests != 15 || got.Partial != "12 requests are the most that are replayed; these are of the last 15m0s" {
		t.Errorf("with a limit %+v, %v", got, err)
	}
	if _, err = (replaying{api: &twelve{failAt: 3}, end: end, window: time.Hour, limit: 12}).run(t.Context()); err == nil {
		t.Error("no error of the third piece")
	}
}

const replayed = `{"start":"2026-03-01T11:00:00Z","end":"2026-03-01T11:05:00Z","requests":9,"unaffected":3,"same":2,"cannotTell":1,"changed":3,
"changes":[{"what":"timed out","caller":"web","service":"reviews","route":"rest","was":"timeout none","becomes":"timeout 1s","requests":3,"traces":["0af7651916cd43dd8448eb211c80319c"]}],
"notRecorded":["header x-user"],"partial":"the time was up"}`

func TestReplayCommand(t *testing.T) {
	answer := `{"findings":[]}`
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/config/replay" {
			_, _ = w.Write([]byte(replayed))
			return
		}
		_, _ = w.Write([]byte(answer))
	}))
	defer api.Close()
	t.Setenv("SIGHTLINE_API_TOKEN", "x")
	candidate := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(candidate, []byte("apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, error) {
		root, out := newRoot(), &bytes.Buffer{}
		root.SetOut(out)
		root.SetArgs(append([]string{"analyze", "--server", api.URL}, args...))
		err := root.Execute()
		return out.String(), err
	}
	got, err := run("--replay", "1h", "-f", candidate)
	if err != nil {
		t.Fatal(err)
	}
	_, got, _ = strings.Cut(got, "recorded it:\n") // before it, times of day here
	want := `  3 changed, 2 decided as before, 3 not concerned, 1 cannot be told of
  This is not all: the time was up.
  Rules ask for what is not recorded: header x-user.
  Not looked at: rate limits, limits in flight, checks of tokens, what an answer would have been.
       3  timed out: web to reviews by rest
          was timeout none, becomes timeout 1s
          such as 0af7651916cd43dd8448eb211c80319c
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, err := run("--replay", "1h", "-f", candidate, "-o", "json"); err != nil || !strings.Contains(got, `"what": "timed out"`) {
		t.Errorf("as JSON %s, %v", got, err)
	}
	answer = `{"findings":[{"code":"SL0005","severity":"error","message":"x"}]}`
	if got, err := run("--replay", "1h", "-f", candidate); !errors.Is(err, errFound) || strings.Contains(got, "Replayed") {
		t.Errorf("a candidate that would be refused: %v\n%s; want it not replayed", err, got)
	}
	for _, args := range [][]string{{"--replay", "1h"}, {"--replay", "1h", "--offline", "-f", candidate}, {"--replay", "-1h", "-f", candidate}, {"--replay", "1h", "--replay-limit", "0", "-f", candidate}} {
		if _, err := run(args...); err == nil || errors.Is(err, errFound) {
			t.Errorf("%v: %v, want status 2", args, err)
		}
	}
}
