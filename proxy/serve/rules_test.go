package serve

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/route"
)

// ruled is an exchange that was matched by a route with these rules.
func ruled(t *testing.T, r mesh.Route) *exchange {
	t.Helper()
	r.Destinations = []mesh.Destination{{Service: "reviews", Weight: 1}}
	table, err := route.Compile([]mesh.Snapshot{{Service: "reviews", Known: true, Routes: []mesh.Route{r}}})
	if err != nil {
		t.Fatal(err)
	}
	x := &exchange{ctx: t.Context(), rec: emit.Record{Start: time.Now()}}
	x.ask = route.Request{Method: "GET", Path: "/", Authority: "reviews", Header: func(string) (string, bool) { return "", false }}
	if x.route, err = table.Match("reviews", &x.ask); err != nil {
		t.Fatal(err)
	}
	return x
}

func outbound(chance func() float64) *Outbound {
	return NewOutbound(OutboundConfig{}, OutboundDeps{Chance: chance})
}

func passOn(*exchange) error { return nil }

func TestDelayIsExactAndComesBeforeTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := ruled(t, mesh.Route{Timeout: time.Second, Fault: &mesh.Fault{Delay: &mesh.Delay{Fixed: 7 * time.Second, Percent: 100}}})
		start := time.Now()
		x.deadline = start.Add(time.Second)
		handle := outbound(nil).inject(func(x *exchange) error {
			if took := time.Since(start); took != 7*time.Second {
				t.Errorf("went on after %v, want 7s", took)
			}
			if left := time.Until(x.deadline); left != time.Second {
				t.Errorf("the timeout is over in %v, want 1s", left)
			}
			time.Sleep(time.Second)
			return errTimeoutAfter(x)
		})
		err := handle(x)
		if !errors.Is(err, errTimeout) || err.Error() != "route timeout after 1s" || x.rec.Flags != "DI" {
			t.Errorf("err = %v, flags %q", err, x.rec.Flags)
		}
	})
}

func TestDelayEndsWithItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := ruled(t, mesh.Route{Fault: &mesh.Fault{Delay: &mesh.Delay{Fixed: time.Hour, Percent: 100}}})
		var cancel context.CancelFunc
		x.ctx, cancel = context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		err := outbound(nil).inject(passOn)(x)
		if !errors.Is(err, errClientGone) || time.Since(start) != 3*time.Second {
			t.Errorf("err = %v after %v", err, time.Since(start))
		}
	})
}

func TestFaultsHitTheirShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const requests = 100_000
		code := 14
		for _, tt := range []struct{ delay, abort float64 }{{10, 5}, {50, 50}, {0.1, 99.9}, {0, 100}, {100, 0}} {
			o := outbound(rand.New(rand.NewPCG(1, 2)).Float64)
			x := ruled(t, mesh.Route{Fault: &mesh.Fault{
				Delay: &mesh.Delay{Fixed: time.Millisecond, Percent: tt.delay}, Abort: &mesh.Abort{GRPC: &code, Percent: tt.abort},
			}})
			handle := o.inject(passOn)
			var delayed, aborts, both float64
			for range requests {
				x.rec.Flags = ""
				err := handle(x)
				if x.rec.Flags == "DI" {
					delayed++
				}
				if err != nil {
					aborts++
				}
				if err != nil && x.rec.Flags == "DI" {
					both++
				}
			}
			near := func(what string, got, share float64) {
				if diff := got/requests - share; diff < -0.004 || diff > 0.004 || (share == 0 || share == 1) && diff != 0 {
					t.Errorf("%v: %s %v of %d, want a share of %v", tt, what, got, requests, share)
				}
			}
			near("delayed", delayed, tt.delay/100)
			near("aborted", aborts, tt.abort/100)
			near("delayed and aborted", both, tt.delay*tt.abort/1e4)
		}
	})
}

func TestFaultOfAnAbort(t *testing.T) {
	code := 7
	for _, tt := range []struct {
		err          *aborted
		status, grpc int
	}{
		{&aborted{status: 500}, 500, 2},
		{&aborted{status: 503}, 503, 14},
		{&aborted{status: 429}, 429, 14},
		{&aborted{status: 401}, 401, 16},
		{&aborted{status: 403}, 403, 7},
		{&aborted{status: 404}, 404, 12},
		{&aborted{status: 400}, 400, 13},
		{&aborted{status: 200, grpc: &code}, 200, 7},
	} {
		if f := faultOf(tt.err); f.status != tt.status || f.grpcCode() != tt.grpc || f.flags != "FI" {
			t.Errorf("%v: %+v, gRPC %d", tt.err, f, f.grpcCode())
		}
	}
}

func TestShadow(t *testing.T) {
	for in, want := range map[string]string{
		"reviews": "reviews-shadow", "reviews:9080": "reviews-shadow:9080", "[::1]": "[::1]-shadow", "[::1]:80": "[::1]-shadow:80", "": "-shadow",
	} {
		if got := shadow(in); got != want {
			t.Errorf("shadow(%q) = %q, want %q", in, got, want)
		}
	}
}
