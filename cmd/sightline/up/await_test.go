package up

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestLongStartSaysWhatItWaitsFor: once for each thing, however its reason varies, and
// again after a while.
func TestLongStartSaysWhatItWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &Mesh{ready: make(chan struct{})}
		told := make(chan string, 10)
		ended := make(chan struct{})
		m.lack("the control plane: starting")
		go func() {
			defer close(ended)
			m.Await(t.Context(), func(what string) { told <- what })
		}()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(told) != 0 {
			t.Errorf("said %q after two seconds, want nothing of a start that is merely slow", <-told)
		}
		time.Sleep(2 * time.Second)
		m.lack("the store: refused")
		time.Sleep(3 * time.Second)
		m.lack("the store: refused once more")
		time.Sleep(time.Minute)
		close(m.ready)
		<-ended
		close(told)
		var said []string
		for what := range told {
			said = append(said, what)
		}
		want := []string{"waiting for the control plane: starting", "waiting for the store: refused", "waiting for the store: refused once more"}
		if !slices.Equal(said, want) {
			t.Errorf("said %q, want %q", said, want)
		}
	})
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	(&Mesh{ready: make(chan struct{})}).Await(ctx, func(what string) { t.Errorf("said %q", what) })
}

func TestPlaceHoldsNoPassword(t *testing.T) {
	m := &Mesh{dsn: "clickhouse://user:secret@db:9000/sightline?password=secret"}
	if got, want := m.place(), "the ClickHouse server at db:9000"; got != want {
		t.Errorf("place = %q, want %q", got, want)
	}
}
