package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/http2"
	"github.com/sightline-mesh/sightline/proxy/pool"
	"github.com/sightline-mesh/sightline/proxy/retry"
	"github.com/sightline-mesh/sightline/proxy/route"
	"github.com/sightline-mesh/sightline/proxy/upstream"
)

func TestFaultOf(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("while at it: %w", err) }
	cases := []struct {
		err    error
		status int
		flags  string
		grpc   int
	}{
		{route.ErrUnknownService, 404, "NR", 12},
		{route.ErrNoRoute, 404, "NR", 12},
		{errBadHostName, 404, "NR", 12},
		{errNotDone, 501, "NR", 12},
		{upstream.ErrNoInstance, 503, "UH", 14},
		{upstream.ErrTripped, 503, "UH", 14},
		{upstream.ErrOverflow, 503, "UO", 14},
		{&broken{end: retry.Withheld, cause: errors.New("x")}, 503, "UO", 14},
		{&broken{end: retry.ConnectFailed, cause: errors.New("x")}, 503, "UF", 14},
		{&broken{end: retry.ConnectFailed, cause: context.DeadlineExceeded}, 503, "UF", 14},
		{&broken{end: retry.Reset, cause: errors.New("x")}, 503, "UC", 14},
		{&broken{end: retry.Unsent, cause: errors.New("x")}, 503, "UC", 14},
		{&broken{end: retry.TimedOut, cause: errors.New("x")}, 504, "UT", 4},
		{&broken{end: retry.Reset, cause: errors.New("x"), garbled: true}, 502, "UPE", 14},
		{errTimeout, 504, "UT", 4},
		{context.DeadlineExceeded, 504, "UT", 4},
		{errClientGone, 0, "DC", 14},
		{errSlowRequest, 408, "SI", 14},
		{errAnswerCut, 0, "UC", 14},
		{&http1.Error{Status: 431, Reason: "x"}, 431, "DPE", 14},
		{&http1.Error{Status: 400, Reason: "x"}, 400, "DPE", 13},
		{denied("x"), 403, "UAEX", 7},
		{errUnguarded, 503, "UAEX", 14},
		{errors.New("anything else"), 502, "UF", 14},
	}
	for _, c := range cases {
		f := faultOf(wrap(c.err))
		if f.status != c.status || f.flags != c.flags || f.grpcCode() != c.grpc || !strings.Contains(f.reason, c.err.Error()) {
			t.Errorf("%v: %+v, gRPC %d", c.err, f, f.grpcCode())
		}
	}
}

// TestWhatIsNoFaultOfTheInstances: a try that our own limits kept in a queue says nothing
// of the instance; one that was dialled in vain does.
func TestWhatIsNoFaultOfTheInstances(t *testing.T) {
	late, soon := time.Now().Add(-time.Second), time.Now().Add(time.Hour)
	for _, c := range []struct {
		err      error
		deadline time.Time
		kind     upstream.Kind
		flags    string
	}{
		{pool.ErrOverflow, soon, upstream.Overflow, "UO"},
		{http2.ErrOverflow, soon, upstream.Overflow, "UO"},
		{pool.ErrQueued, soon, upstream.Overflow, "UO"}, // the time of one try
		{pool.ErrQueued, late, upstream.Overflow, "UT"},
		{http2.ErrQueued, late, upstream.Overflow, "UT"},
		{pool.ErrNoConnection, soon, upstream.Failure, "UF"},
		{context.DeadlineExceeded, soon, upstream.Failure, "UF"},
		{context.DeadlineExceeded, late, upstream.Failure, "UT"},
	} {
		x := &exchange{ctx: t.Context(), deadline: c.deadline}
		err := unopened(x, fmt.Errorf("while at it: %w", c.err))
		if kind, f := kindOf(err), faultOf(err); kind != c.kind || f.flags != c.flags {
			t.Errorf("%v: kind %v and flags %s for %q, want %v and %s", c.err, kind, f.flags, f.reason, c.kind, c.flags)
		}
	}
}

func TestHosts(t *testing.T) {
	h := hosts{namespace: "shop"}
	for host, want := range map[string]named{
		"cart": {"cart.shop", 0}, "cart:8080": {"cart.shop", 8080}, "cart.default": {"cart", 0},
		"cart.other.svc.cluster.local:80": {"cart.other", 80}, "CART": {"cart.shop", 0}, "cart:99999": {"cart.shop", 0},
	} {
		for range 2 { // worked out, and remembered
			if got, err := h.service(host); err != nil || got != want {
				t.Errorf("%s: %v, %v", host, got, err)
			}
		}
	}
	for _, host := range []string{"", "a..b", "10.0.0.7"} {
		if _, err := h.service(host); !errors.Is(err, errBadHostName) {
			t.Errorf("%q: %v", host, err)
		}
	}
	for i := range 2 * maxHosts {
		if _, err := h.service(fmt.Sprintf("h%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(h.known) > maxHosts {
		t.Errorf("%d hosts are remembered", len(h.known))
	}
}

func TestLinksThatNobodyUsesAreForgotten(t *testing.T) {
	var ls links[string]
	opened := 0
	open := func() *link {
		opened++
		return newLink(pool.Config{IdleTime: time.Second}, time.Second, func(context.Context, string) (net.Conn, error) {
			return nil, errors.New("unreachable")
		})
	}
	kept, left := ls.to("kept", open), ls.to("left", open)
	for range forgotten + 1 {
		ls.to("kept", open)
		ls.sweepAt(time.Now())
	}
	if ls.to("kept", open) != kept || ls.to("left", open) == left || opened != 3 {
		t.Errorf("%d links were opened", opened)
	}
	ls.remove("kept")
	if _, err := kept.h1.Get(t.Context()); !errors.Is(err, pool.ErrClosed) {
		t.Errorf("a removed link: %v", err)
	}
	ls.closeAll()
}
