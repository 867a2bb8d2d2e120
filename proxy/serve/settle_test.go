package serve

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sightline-mesh/sightline/proxy/tap"
)

// watcher is a codec whose answer is there after 40 ms and goes on for an hour, until
// it ends so.
type watcher struct {
	tries
	end error
}

func (*watcher) send(*exchange, *link) (answer, error) {
	time.Sleep(40 * time.Millisecond)
	return answer{status: 200, grpc: -1}, nil
}

func (w *watcher) relay(*exchange) error {
	time.Sleep(time.Hour)
	return w.end
}

// TestLatencyIsThatOfTheHead: how long an answer goes on, and who has enough of it, says
// nothing of how fast the instance is.
func TestLatencyIsThatOfTheHead(t *testing.T) {
	for name, end := range map[string]error{"whole": nil, "the client had enough": errClientGone} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				set, table := running(t, 1, nil)
				o := NewOutbound(OutboundConfig{}, OutboundDeps{Pick: set.Pick, Budget: &allowance{1000}})
				defer o.Close()
				x := &exchange{ctx: t.Context(), via: &watcher{end: end}}
				x.reset()
				x.route, _ = table.Match("reviews", &x.ask)
				if err := rescue(relay(tap.New(nil), o.pick(o.forward)))(x); !errors.Is(err, end) {
					t.Fatal(err)
				}
				if i := set.State().Instances[0]; i.Load != 0.04 || i.InFlight != 0 {
					t.Errorf("load is %g s with %d in flight, want 0.04 s and none", i.Load, i.InFlight)
				}
			})
		})
	}
}
