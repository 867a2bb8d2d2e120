package hub

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func reader(h *Hub, id mesh.InstanceID, wants ...mesh.ServiceName) *Feed {
	f := h.Join(Joining{Instance: mesh.Instance{ID: id}})
	f.Want(wants)
	return f
}

// One that answers after a while, one that says how long ago it was, one that skips a
// version, one that refuses, one that hangs up and one that is not concerned.
func TestPropagationIsTimedFromTheCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		src.set(1, map[mesh.ServiceName][]mesh.Route{"a": nil, "b": nil})
		h := run(t, src, Deps{})
		prompt, telling, slow := reader(h, "prompt", "a"), reader(h, "telling", "a"), reader(h, "slow", "a")
		refusing, leaving, other := reader(h, "refusing", "a"), reader(h, "leaving", "a"), reader(h, "other", "b")
		for _, f := range []*Feed{prompt, telling, slow, refusing, leaving, other} {
			p, _ := next(t, f)
			f.Answer(Answer{Sequence: p.Sequence, Accepted: true})
		}
		if n := h.Propagation().Count; n != 0 {
			t.Errorf("%d first pushes are timed, want none: nothing was committed for them", n)
		}
		push := func(version uint64, routes int) {
			src.set(version, map[mesh.ServiceName][]mesh.Route{"a": make([]mesh.Route, routes), "b": nil})
			h.NotifyNow()
			synctest.Wait()
		}
		push(2, 1)
		if s := prompt.status(); s.InSync || !s.Behind.Equal(time.Now()) {
			t.Errorf("before it was sent: in sync %v, behind since %s", s.InSync, s.Behind)
		}
		sequences := map[*Feed]uint64{}
		for _, f := range []*Feed{prompt, telling, refusing} {
			p, _ := next(t, f)
			sequences[f] = p.Sequence
		}
		if _, ok := next(t, other); ok {
			t.Error("b's reader is sent a change of a")
		}
		time.Sleep(20 * time.Millisecond)
		prompt.Answer(Answer{Sequence: sequences[prompt], Accepted: true})
		telling.Answer(Answer{Sequence: sequences[telling], Accepted: true, Ago: 16 * time.Millisecond})
		refusing.Answer(Answer{Sequence: sequences[refusing], Reason: "no"})
		leaving.Leave()
		if got, want := h.Tally(), (Tally{Streams: 6, Pushes: 9, Snapshots: 9, Accepted: 8, Refused: 1}); got != want {
			t.Errorf("tally %+v, want %+v", got, want)
		}
		want := []mesh.ConfigChange{{
			Version: 2, Services: []mesh.ServiceName{"a"}, Changed: 1, Sidecars: 5, Applied: 2, Refused: 1, Left: 1, P50: 4, Last: 20,
		}}
		noTime := cmpopts.IgnoreFields(mesh.ConfigChange{}, "Committed")
		if diff := cmp.Diff(want, h.Changes()[:1], noTime); diff != "" || !h.Changes()[0].Open() {
			t.Errorf("with the slow one missing: %s", diff)
		}
		push(3, 2)
		time.Sleep(30 * time.Millisecond)
		p, _ := next(t, slow)
		slow.Answer(Answer{Sequence: p.Sequence, Accepted: true})
		want = []mesh.ConfigChange{
			{Version: 3, Services: []mesh.ServiceName{"a"}, Changed: 1, Sidecars: 4, Applied: 1, P50: 30, Last: 30},
			{Version: 2, Services: []mesh.ServiceName{"a"}, Changed: 1, Sidecars: 5, Applied: 3, Refused: 1, Left: 1, P50: 20, Last: 50},
		}
		if diff := cmp.Diff(want, h.Changes()[:2], noTime); diff != "" {
			t.Errorf("after one push of two changes: %s", diff)
		}
		if s := slow.status(); s.PropagationMs != 30 || !s.Behind.IsZero() {
			t.Errorf("the slow one: %v ms, behind since %s", s.PropagationMs, s.Behind)
		}
		got := h.Propagation()
		counts := Histogram{Count: 4, Sum: 0.104}
		counts.Counts[2], counts.Counts[4], counts.Counts[5], counts.Counts[6] = 1, 1, 1, 1 // 4, 20, then 30 and a little above 50 ms
		if diff := cmp.Diff(counts, got, cmpopts.EquateApprox(0, 1e-6)); diff != "" {
			t.Errorf("histogram: %s", diff)
		}
	})
}

// What nobody subscribes to must cost nothing, and what goes must leave nothing.
func TestReadersAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		src.set(1, map[mesh.ServiceName][]mesh.Route{"a": to("b")})
		h := run(t, src, Deps{})
		f := reader(h, "web", "a")
		next(t, f)
		if len(h.readers) != 2 {
			t.Errorf("readers of %d services, want of a and of b, which a's route names", len(h.readers))
		}
		f.Want([]mesh.ServiceName{"c"})
		next(t, f)
		if _, ok := h.readers["c"]; !ok || len(h.readers) != 1 {
			t.Errorf("readers are %v, want of c alone", h.readers)
		}
		f.Leave()
		f.Want([]mesh.ServiceName{"a"})
		next(t, f)
		if len(h.readers) != 0 {
			t.Errorf("readers of %d services are left", len(h.readers))
		}
	})
}

// A sidecar that never answers must cost no memory.
func TestDebtsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		src.set(1, map[mesh.ServiceName][]mesh.Route{"a": nil})
		h := run(t, src, Deps{})
		mute, deaf := reader(h, "mute", "a"), reader(h, "deaf", "a")
		next(t, mute)
		next(t, deaf)
		for v := range uint64(500) {
			src.set(v+2, map[mesh.ServiceName][]mesh.Route{"a": make([]mesh.Route, v+1)})
			h.NotifyNow()
			synctest.Wait()
			next(t, mute)
		}
		if n := len(mute.pushes); n != unanswered {
			t.Errorf("%d pushes are remembered, want %d", n, unanswered)
		}
		if n := len(deaf.debts.list); n != owedAtMost {
			t.Errorf("%d debts are remembered, want %d", n, owedAtMost)
		}
		if n := len(h.Changes()); n != keptChanges {
			t.Errorf("%d changes are remembered, want %d", n, keptChanges)
		}
	})
}
