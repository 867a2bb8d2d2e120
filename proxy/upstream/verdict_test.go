package upstream

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func onVersion(v mesh.Version, phase mesh.Phase, admit float64) mesh.Verdict {
	return mesh.Verdict{
		ID: "v", Target: mesh.Target{Service: "reviews", Version: v}, Phase: phase, Admit: admit,
		Reason: "31 of 40 requests failed",
	}
}

func TestVerdictShiftsTheWeightAway(t *testing.T) {
	s := reviews(2, 50, 50)
	s.Verdicts = []mesh.Verdict{onVersion("v2", mesh.Tripped, 0)}
	w := newWorld(t, s)
	if got := w.count(1000); got["v1"] != 1000 {
		t.Errorf("got %v, want all at v1", got)
	}
	if v := w.state("reviews-v2-1").Verdict; v == nil || v.Phase != mesh.Tripped {
		t.Errorf("the state shows no verdict: %+v", v)
	}
	s.Verdicts[0].Phase = mesh.Released
	w.update(s)
	w.share(w.count(1000)["v2"], 1000, 50, "v2 once released")
}

func TestProbingAdmitsItsShareOfTheUsual(t *testing.T) {
	s := reviews(1, 60, 40)
	s.Verdicts = []mesh.Verdict{onVersion("v2", mesh.Probing, 0.1)}
	w := newWorld(t, s)
	got := w.count(10000)
	w.share(got["v2"], 10000, 4, "a tenth of 40 %")
	if got["refused"] > 0 {
		t.Errorf("got %v: what v2 does not get is v1's", got)
	}
}

func TestProbingOfTheOnlyDestinationRefusesTheRest(t *testing.T) {
	s := reviews(1, 100, 0)
	s.Verdicts = []mesh.Verdict{onVersion("v1", mesh.Probing, 0.25)}
	w := newWorld(t, s)
	got := w.count(10000)
	w.share(got["v1"], 10000, 25, "v1")
	w.share(got["refused"], 10000, 75, "refused")
}

func TestProbingOneInstance(t *testing.T) {
	s := plain(4)
	s.Policy.LoadBalancer = mesh.Random
	s.Verdicts = []mesh.Verdict{{Target: mesh.Target{Service: "plain", Instance: "plain-v1-3"}, Phase: mesh.Probing, Admit: 0.1}}
	w := newWorld(t, s)
	n := 0
	for range 20000 {
		l := w.pick()
		if l.Instance.Info.ID == "plain-v1-3" {
			n++
		}
		l.Done(Outcome{})
	}
	w.share(n, 20000, 2.5, "the instance under probation")
}

func TestVerdictOutranksTheLastInstance(t *testing.T) {
	s := plain(2)
	s.Verdicts = []mesh.Verdict{{Target: mesh.Target{Service: "plain"}, Phase: mesh.Tripped, Reason: "by hand"}}
	w := newWorld(t, s)
	_, err := w.set.Pick(w.route, w.ask, nil)
	if !errors.Is(err, ErrTripped) || !strings.Contains(err.Error(), "by hand") {
		t.Errorf("err = %v, want ErrTripped with the reason", err)
	}
}

func TestBreakerSparesTheLastThatVerdictsLeave(t *testing.T) {
	s := reviews(1, 50, 50)
	s.Verdicts = []mesh.Verdict{onVersion("v2", mesh.Tripped, 0)}
	w := newWorld(t, s)
	if got := w.count(100, "v1"); got["refused"] > 0 || w.state("reviews-v1-1").Breaker != "admitting" {
		t.Errorf("got %v, state %+v", got, w.state("reviews-v1-1"))
	}
}

func TestExpiredVerdictLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := reviews(1, 50, 50)
		v := onVersion("v2", mesh.Tripped, 0)
		v.Until = time.Now().Add(time.Minute)
		s.Verdicts = []mesh.Verdict{v}
		w := newWorld(t, s)
		if got := w.count(100); got["v2"] != 0 {
			t.Errorf("got %v while the verdict holds", got)
		}
		time.Sleep(time.Minute)
		w.share(w.count(1000)["v2"], 1000, 50, "v2 after the verdict's time")
		if w.state("reviews-v2-1").Verdict != nil {
			t.Error("the state shows a verdict whose time is over")
		}
	})
}

func TestTheStrictestVerdictDecides(t *testing.T) {
	s := reviews(1, 50, 50)
	s.Verdicts = []mesh.Verdict{
		onVersion("v2", mesh.Probing, 0.5),
		{Target: mesh.Target{Service: "reviews", Instance: "reviews-v2-1"}, Phase: mesh.Tripped},
	}
	w := newWorld(t, s)
	if got := w.count(200); got["v2"] != 0 {
		t.Errorf("got %v, want none at v2", got)
	}
}

func TestRetryOfAProbingVersionMayGoToTheOther(t *testing.T) {
	s := reviews(1, 50, 50)
	s.Verdicts = []mesh.Verdict{onVersion("v2", mesh.Probing, 0.5)}
	w := newWorld(t, s)
	for range 200 {
		l := w.pick()
		if l.Instance.Info.Version == "v2" {
			again := w.pick(l.Instance)
			if again.Instance.Info.Version != "v1" {
				t.Fatal("the retry went to the same instance")
			}
			again.Done(Outcome{})
		}
		l.Done(Outcome{})
	}
}

// TestOwnBreakerHasNoSayInAVerdictsProbing: the breaker rested for longer and longer
// while the instance failed, and the mesh's own probing got no requests to judge by.
func TestOwnBreakerHasNoSayInAVerdictsProbing(t *testing.T) {
	s := reviews(1, 50, 50)
	w := newWorld(t, s)
	w.count(200, "v2")
	if got := w.state("reviews-v2-1").Breaker; got != "tripped" {
		t.Fatalf("breaker is %s after failures, want tripped", got)
	}
	s.Verdicts = []mesh.Verdict{onVersion("v2", mesh.Probing, 0.4)}
	w.update(s)
	w.share(w.count(2000)["v2"], 2000, 20, "v2 while it is probed")
}

func TestProbedInstanceGetsItsShareWhateverItsLoad(t *testing.T) {
	s := plain(2) // balanced by latency, which failures made bad
	w := newWorld(t, s)
	for range 50 {
		l := w.pick()
		if l.Instance.Info.ID == "plain-v1-2" {
			l.Done(Outcome{Status: 500, Kind: Failure})
			continue
		}
		l.Done(Outcome{Status: 200})
	}
	s.Verdicts = []mesh.Verdict{{Target: mesh.Target{Service: "plain", Instance: "plain-v1-2"}, Phase: mesh.Probing, Admit: 0.4}}
	w.update(s)
	n := 0
	for range 5000 {
		l := w.pick()
		if l.Instance.Info.ID == "plain-v1-2" {
			n++
		}
		l.Done(Outcome{Status: 200})
	}
	if n < 800 || n > 1200 { // each choice is random: a fifth, within seven standard deviations
		t.Errorf("the instance that is probed got %d of 5000, want about 1000", n)
	}
}

// TestRetryGoesBackRatherThanNowhere: a retry whose only other instance is under a
// verdict was refused in most cases, although the instance it had tried would do.
func TestRetryGoesBackRatherThanNowhere(t *testing.T) {
	s := plain(2)
	s.Verdicts = []mesh.Verdict{{Target: mesh.Target{Service: "plain", Instance: "plain-v1-2"}, Phase: mesh.Probing, Admit: 0.1}}
	w := newWorld(t, s)
	var healthy *Instance
	for healthy == nil {
		l := w.pick()
		if l.Instance.Info.ID == "plain-v1-1" {
			healthy = l.Instance
		}
		l.Done(Outcome{Status: 200})
	}
	for range 200 {
		w.pick(healthy).Done(Outcome{Status: 200}) // pick fails the test when refused
	}
}
