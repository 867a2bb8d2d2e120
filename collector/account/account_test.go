package account_test

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/account"
	"github.com/sightline-mesh/sightline/collector/signal"
)

func TestAccounting(t *testing.T) {
	l := account.New()
	l.Received(account.Traces, 10)
	l.Received(account.Traces, 5)
	l.Refused(account.Traces, 5)
	l.Stored(account.Traces, 6)
	l.Dropped(account.Traces, "malformed", 1)
	l.Dropped(account.Traces, "malformed", 0)
	l.Received("profiles", 9) // not kept
	l.RefusedFor(account.Logs, "tenant-items", 4)
	l.RefusedFor(account.Logs, "tenant-items", 0)
	l.Rejected(account.Logs, "not-utf-8", 3)
	l.Overflow(account.Metrics, "red-keys", 2)
	l.Truncated(account.Metrics, "attribute-length", 1)
	want := []signal.Pipeline{
		{Signal: "traces", Unit: "spans", Received: 10, Refused: 5, Queued: 3, Stored: 6, Dropped: map[string]uint64{"malformed": 1}},
		{
			Signal: "logs", Unit: "records", Dropped: map[string]uint64{}, Refused: 4,
			RefusedFor: map[string]uint64{"tenant-items": 4}, Rejected: map[string]uint64{"not-utf-8": 3},
		},
		{
			Signal: "metrics", Unit: "points", Dropped: map[string]uint64{},
			Overflow: map[string]uint64{"red-keys": 2}, Truncated: map[string]uint64{"attribute-length": 1},
		},
	}
	if diff := cmp.Diff(want, l.Accounting()); diff != "" {
		t.Error(diff)
	}
	if got := l.RefusedItems()[account.Traces]; got != 5 {
		t.Errorf("%d refused", got)
	}
}

func TestStoredTwiceStillAddsUp(t *testing.T) {
	l := account.New()
	l.Stored(account.Logs, 3)
	if got := l.Accounting()[1]; got.Received != 3 || got.Queued != 0 {
		t.Errorf("%+v", got)
	}
}

// Whoever looks, whenever they look, finds books that add up.
func TestBooksAddUpAtAllTimes(t *testing.T) {
	l := account.New()
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for i := range 1000 {
				l.Received(account.Metrics, 3)
				switch i % 3 {
				case 0:
					l.Stored(account.Metrics, 3)
				case 1:
					l.Dropped(account.Metrics, "malformed", 2)
				case 2:
					l.Refused(account.Metrics, 3)
				}
			}
		})
	}
	for range 1000 {
		p := l.Accounting()[2]
		if sum := p.Stored + p.Queued + p.Dropped["malformed"]; sum != p.Received {
			t.Fatalf("%+v", p)
		}
	}
	writers.Wait()
	if p := l.Accounting()[2]; p.Queued != 4*333 {
		t.Errorf("%+v", p)
	}
}
