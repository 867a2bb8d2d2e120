package account_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/account"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// sidecar is a process that makes spans and sends them.
type sidecar struct {
	ledger  *account.Ledger
	process string
	told    signal.Told
}

func (s *sidecar) drops(reason string, n uint64) {
	s.told.Made += n
	if s.told.Dropped == nil {
		s.told.Dropped = map[string]uint64{}
	}
	s.told.Dropped[reason] += n
}

// states begins a request.
func (s *sidecar) states() (process string) {
	return s.ledger.Stated(signal.Statement{
		Process: s.process, Instance: s.process + "-1", Signals: map[string]signal.Told{account.Traces: s.told, "profiles": {Made: 9}},
	}.String())
}

// sends sends n of what was made, and has the answer.
func (s *sidecar) sends(n uint64) {
	s.ledger.Arrived(s.states(), account.Traces, int(n))
	s.told.Acknowledged += n
}

func sent(l *account.Ledger) signal.Sent {
	if s := l.Accounting()[0].Sidecars; s != nil {
		return *s
	}
	return signal.Sent{}
}

func check(t *testing.T, l *account.Ledger, want signal.Sent) {
	t.Helper()
	got := sent(l)
	if want.Dropped == nil {
		want.Dropped = map[string]uint64{}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	sum := got.Received + got.InFlight + got.Unaccounted
	for _, n := range got.Dropped {
		sum += n
	}
	if sum != got.Made+got.Twice {
		t.Errorf("%+v does not add up", got)
	}
}

func TestWhatSidecarsSayIsHeldAgainstWhatCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := account.New()
		if l.Accounting()[0].Sidecars != nil {
			t.Error("nobody has spoken")
		}
		// One that had run for long: 100 were stored by an earlier collector, 10 dropped, 5 wait.
		web := &sidecar{l, "web", signal.Told{Made: 115, Acknowledged: 100, Dropped: map[string]uint64{"queue full": 10}}}
		web.sends(5)
		check(t, l, signal.Sent{Processes: 1, Made: 5, Received: 5})
		web.told.Made += 30
		web.drops("queue full", 3)
		web.sends(20)
		check(t, l, signal.Sent{Processes: 1, Made: 38, Received: 25, InFlight: 10, Dropped: map[string]uint64{"queue full": 3}})
		// It starts anew: its counters begin at nothing, and what it had not sent is gone.
		again := &sidecar{l, "web again", signal.Told{Made: 7}}
		again.sends(7)
		check(t, l, signal.Sent{Processes: 2, Made: 45, Received: 32, InFlight: 10, Dropped: map[string]uint64{"queue full": 3}})
		time.Sleep(time.Minute)
		again.sends(0)
		check(t, l, signal.Sent{Processes: 2, Made: 45, Received: 32, Unaccounted: 10, Missing: []string{"web-1"}, Dropped: map[string]uint64{"queue full": 3}})
		time.Sleep(10 * time.Minute)
		check(t, l, signal.Sent{Processes: 2, Made: 45, Received: 32, Dropped: map[string]uint64{"queue full": 3, account.DroppedSilent: 10}})
		// It was only cut off.
		web.sends(10)
		check(t, l, signal.Sent{Processes: 2, Made: 45, Received: 42, Dropped: map[string]uint64{"queue full": 3}})
	})
}

// What a sidecar has an answer for, and nothing is known of, is an alarm once it stays.
func TestWhatWasAnsweredForAndNeverCountedIsMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := account.New()
		s := &sidecar{l, "web", signal.Told{Made: 10}}
		s.sends(10)
		s.told.Made, s.told.Acknowledged = 14, 14 // somebody else has the four
		s.sends(0)
		check(t, l, signal.Sent{Processes: 1, Made: 14, Received: 10, InFlight: 4})
		for range 61 {
			time.Sleep(time.Second)
			s.told.Made++
			s.sends(1)
		}
		check(t, l, signal.Sent{Processes: 1, Made: 75, Received: 71, Unaccounted: 4, Missing: []string{"web-1"}})
	})
}

func TestWhatCameAgainIsNotMissed(t *testing.T) {
	l := account.New()
	s := &sidecar{l, "web", signal.Told{Made: 10}}
	l.Arrived(s.states(), account.Traces, 10) // and the answer is lost
	s.sends(10)
	s.sends(0)
	check(t, l, signal.Sent{Processes: 1, Made: 10, Received: 20, Twice: 10})
}

// The list of processes is bounded, and what those said that are known no more still counts.
func TestManyProcesses(t *testing.T) {
	const most = 10_000
	l := account.New()
	for i := range most + 5 {
		s := &sidecar{l, strconv.Itoa(i), signal.Told{Made: 2}}
		s.sends(1)
	}
	check(t, l, signal.Sent{Processes: most + 5, Made: 2 * (most + 5), Received: most + 5, InFlight: most, Dropped: map[string]uint64{account.DroppedSilent: 5}})
}

func TestWhatIsNoStatementIsNobodys(t *testing.T) {
	l := account.New()
	for _, text := range []string{"", "{", "[]", `{"process":""}`, `{"process":"a","signals":{"traces":{"made":1,"acknowledged":2}}}`} {
		if got := l.Stated(text); got != "" {
			t.Errorf("%s is of %q", text, got)
		}
	}
	l.Arrived("", account.Traces, 1)
	l.Arrived("unknown", account.Traces, 1)
	if got := sent(l); got.Processes != 0 {
		t.Errorf("%+v", got)
	}
}
