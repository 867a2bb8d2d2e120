package proxy

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/push"
	"github.com/sightline-mesh/sightline/proxy/route"
	"github.com/sightline-mesh/sightline/proxy/serve"
)

func known(s mesh.ServiceName) mesh.Snapshot {
	return mesh.Snapshot{Service: s, Version: 1, Known: true}
}

// fakeFeed is a feed that remembers and answers as told.
type fakeFeed struct {
	mu     sync.Mutex
	wants  []mesh.ServiceName // in the order asked for
	status push.Status
	answer func() // to each that is new
}

func (f *fakeFeed) Subscribe(services ...mesh.ServiceName) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wants = append(f.wants, services...)
	if f.answer != nil {
		go f.answer()
	}
}

func (f *fakeFeed) Unsubscribe(services ...mesh.ServiceName) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wants = slices.DeleteFunc(f.wants, func(s mesh.ServiceName) bool { return slices.Contains(services, s) })
}

func (f *fakeFeed) Status() push.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

func (f *fakeFeed) set(s push.Status) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status = s
}

func (f *fakeFeed) all() []mesh.ServiceName {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.wants)
}

func (f *fakeFeed) wanted(s mesh.ServiceName) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Contains(f.wants, s)
}

func withFeed() (*tables, *fakeFeed) {
	f := &fakeFeed{status: push.Status{Connected: true}}
	tb := newTables(route.Caller{}, func([]mesh.Snapshot) {})
	tb.feed = f
	return tb, f
}

func TestFirstRequestWaitsForItsRoutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tb, f := withFeed()
		f.answer = func() {
			time.Sleep(4 * time.Second)
			if err := tb.apply([]mesh.Snapshot{known("other")}); err != nil {
				t.Error(err)
			}
			time.Sleep(2500 * time.Millisecond)
			if err := tb.apply([]mesh.Snapshot{known("other"), known("cart")}); err != nil {
				t.Error(err)
			}
		}
		began := time.Now()
		got, err := tb.resolve(t.Context(), "cart", time.Time{})
		if err != nil || !got.Known("cart") {
			t.Fatalf("resolve = %v, %v; want a table with cart", got, err)
		}
		if took := time.Since(began); took != 6500*time.Millisecond {
			t.Errorf("waited %s, want 6.5 s", took)
		}
	})
}

// TestWaitIsBounded: what is not known is never said not to be there.
func TestWaitIsBounded(t *testing.T) {
	for _, c := range []struct {
		name   string
		status push.Status
		by     time.Duration // 0 is none
		want   time.Duration
		err    error
		reason string
	}{
		{"slow control plane", push.Status{Connected: true}, 0, resolveWithin, serve.ErrUntold, "has not answered within 10s"},
		{"control plane away", push.Status{}, 0, reconnectWithin, serve.ErrUntold, "the control plane is away"},
		{"push refused", push.Status{Connected: true, Refusal: "bad subset"}, 0, reconnectWithin, serve.ErrUntold, "is refused: bad subset"},
		{"request's own time", push.Status{Connected: true}, time.Second, time.Second, context.DeadlineExceeded, "routes of cart"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tb, f := withFeed()
				f.set(c.status)
				began, by := time.Now(), time.Time{}
				if c.by > 0 {
					by = began.Add(c.by)
				}
				_, err := tb.resolve(t.Context(), "cart", by)
				if !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.reason) || time.Since(began) != c.want {
					t.Errorf("resolve = %v after %s, want %q after %s", err, time.Since(began), c.reason, c.want)
				}
				if tb.waiting != 0 {
					t.Errorf("%d requests are still said to wait", tb.waiting)
				}
			})
		})
	}
}

func TestWaitEndsWithTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tb, _ := withFeed()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := tb.resolve(ctx, "cart", time.Time{}); !errors.Is(err, ctx.Err()) {
			t.Errorf("a client that went away gets %v", err)
		}
	})
}

func TestNoSuchServiceIsKnownAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tb, f := withFeed()
		if err := tb.apply([]mesh.Snapshot{{Service: "nobody"}}); err != nil {
			t.Fatal(err)
		}
		f.set(push.Status{})
		began := time.Now()
		got, err := tb.resolve(t.Context(), "nobody", time.Time{})
		if err != nil || !got.Has("nobody") || time.Since(began) != 0 {
			t.Errorf("resolve = %v, %v after %s; want the table at once", got, err, time.Since(began))
		}
		if !f.wanted("nobody") {
			t.Error("it is not asked for: nobody would tell when it comes")
		}
	})
}

func TestRequestsThatWaitAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tb, _ := withFeed()
		var waiting sync.WaitGroup
		for range maxWaiting {
			waiting.Go(func() { _, _ = tb.resolve(t.Context(), "cart", time.Time{}) })
		}
		synctest.Wait()
		began := time.Now()
		if _, err := tb.resolve(t.Context(), "cart", time.Time{}); !errors.Is(err, serve.ErrUntold) || time.Since(began) > 0 {
			t.Errorf("resolve = %v after %s, want a refusal at once", err, time.Since(began))
		}
		waiting.Wait()
	})
}

func TestRefusedSetChangesNothing(t *testing.T) {
	updates := 0
	tb := newTables(route.Caller{}, func([]mesh.Snapshot) { updates++ })
	if err := tb.apply([]mesh.Snapshot{known("cart")}); err != nil {
		t.Fatal(err)
	}
	before := tb.current.Load()
	bad := known("cart")
	bad.Routes = []mesh.Route{{Name: "r", Destinations: []mesh.Destination{{Service: "nowhere", Weight: 1}}}}
	err := tb.apply([]mesh.Snapshot{bad})
	if err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("apply = %v, want a refusal that names nowhere", err)
	}
	if tb.current.Load() != before || updates != 1 {
		t.Error("a refused set changed something")
	}
}

// TestStrangersMakeRoom: a sidecar that was asked for very many hosts still finds the
// next service, and loses none that it knows.
func TestStrangersMakeRoom(t *testing.T) {
	tb, f := withFeed()
	services := []mesh.ServiceName{"cart", "payment", "late"}
	var telling sync.Mutex
	tell := func() {
		telling.Lock()
		defer telling.Unlock()
		var snaps []mesh.Snapshot
		for _, s := range f.all() {
			snaps = append(snaps, mesh.Snapshot{Service: s, Known: slices.Contains(services, s)})
		}
		if err := tb.apply(snaps); err != nil {
			t.Error(err)
		}
	}
	ask := func(s mesh.ServiceName) *route.Table {
		t.Helper()
		got, err := tb.resolve(t.Context(), s, time.Time{})
		if err != nil || !got.Has(s) {
			t.Fatalf("resolve %s: %v", s, err)
		}
		return got
	}
	f.answer = tell
	ask("cart")
	tb.keep("upstream")
	ask("favourite")
	f.answer = nil
	const hosts = 6000
	for n := range hosts { // as if asked for, and answered later
		tb.mu.Lock()
		tb.ask(mesh.ServiceName("host-" + strconv.Itoa(n)))
		tb.mu.Unlock()
		if n%strangersAtOnce == 0 {
			tell()
			ask("favourite")
		}
	}
	f.answer = tell
	if !ask("late").Known("late") {
		t.Error("the next service is not found")
	}
	asked, forgotten := tb.counts()
	if asked > maxStrangers+4 || len(f.wants) != asked || int(forgotten)+asked != hosts+4 {
		t.Errorf("%d names are asked for, %d of the control plane; %d forgotten", asked, len(f.wants), forgotten)
	}
	for _, s := range []mesh.ServiceName{"cart", "upstream", "favourite", "late", "host-" + mesh.ServiceName(strconv.Itoa(hosts-1))} {
		if !f.wanted(s) {
			t.Errorf("%s is forgotten, though it is in use", s)
		}
	}
	if f.wanted("host-0") {
		t.Error("what was not used for longest is kept")
	}
}

func TestServicesAreNoStrangers(t *testing.T) {
	tb, f := withFeed()
	var snaps []mesh.Snapshot
	for n := range 3 * maxStrangers {
		snaps = append(snaps, known(mesh.ServiceName("service-"+strconv.Itoa(n))))
	}
	if err := tb.apply(snaps); err != nil {
		t.Fatal(err)
	}
	for _, s := range snaps {
		tb.adopt([]mesh.ServiceName{s.Service})
	}
	if asked, forgotten := tb.counts(); asked != len(snaps) || forgotten != 0 || len(f.wants) != asked {
		t.Errorf("%d of %d services are asked for, %d forgotten", asked, len(snaps), forgotten)
	}
}
