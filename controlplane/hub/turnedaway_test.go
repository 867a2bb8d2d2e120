package hub

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Whoever tries goes on trying, and a sidecar says anew over each stream what it has said.
func TestTurnedAwayIsToldNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := 0
		src := &source{}
		src.set(1, nil)
		h := run(t, src, Deps{TurnedAway: func(i mesh.Instance, _ mesh.TurnedAway) {
			if i.ID != "web-1" {
				t.Errorf("told of %s", i.ID)
			}
			told++
		}})
		f := join(h)
		var last time.Time
		for n := range 30 { // half an hour, once a minute
			last = time.Now()
			f.TurnedAway(mesh.TurnedAway{Plaintext: uint64(n + 1), From: "10.0.0.7", Last: last})
			time.Sleep(time.Minute)
		}
		if told != 3 {
			t.Errorf("told %d times in half an hour, want 3", told)
		}
		if got := f.status().TurnedAway; got.Plaintext != 30 {
			t.Errorf("shown as %+v, want 30", got)
		}
		time.Sleep(time.Hour)
		join(h).TurnedAway(mesh.TurnedAway{Plaintext: 30, From: "10.0.0.7", Last: last})
		if told != 3 {
			t.Error("what was an hour ago is told over another stream")
		}
	})
}
