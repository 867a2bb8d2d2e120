package apitest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Verdicts is what is in force.
func (s *Shop) Verdicts(context.Context) ([]mesh.Verdict, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.verdicts), nil
}

// Trip keeps traffic away from a target.
func (s *Shop) Trip(_ context.Context, t mesh.Target, reason, by string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.verdicts, func(v mesh.Verdict) bool { return v.Target == t }) {
		return fmt.Errorf("%s is tripped already: %w", t, ErrRefused)
	}
	s.trip(t, reason, by, nil)
	return nil
}

func (s *Shop) trip(t mesh.Target, reason, by string, traces []string) {
	v := mesh.Verdict{
		ID: fmt.Sprintf("v-%d", len(s.events)+1), Target: t, Phase: mesh.Tripped, Reason: reason, By: by, Since: s.now(), Traces: traces,
	}
	s.verdicts = append(s.verdicts, v)
	s.tell(mesh.Event{Kind: mesh.EventTripped, Target: t, Summary: t.String() + " tripped: " + reason, By: by, Verdict: v.ID, Traces: traces})
}

// Release lets traffic through again.
func (s *Shop) Release(_ context.Context, id, by string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.find(id)
	if err != nil {
		return err
	}
	v := s.verdicts[i]
	s.verdicts = slices.Delete(s.verdicts, i, i+1)
	s.tell(mesh.Event{Kind: mesh.EventReleased, Target: v.Target, Summary: v.Target.String() + " released", By: by, Verdict: v.ID})
	return nil
}

// Hold keeps a verdict.
func (s *Shop) Hold(_ context.Context, id, by string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.find(id)
	if err != nil {
		return err
	}
	s.verdicts[i].Held = true
	s.tell(mesh.Event{Kind: mesh.EventHeld, Target: s.verdicts[i].Target, Summary: s.verdicts[i].Target.String() + " held", By: by, Verdict: id})
	return nil
}

func (s *Shop) find(id string) (int, error) {
	i := slices.IndexFunc(s.verdicts, func(v mesh.Verdict) bool { return v.ID == id })
	if i < 0 {
		return 0, fmt.Errorf("verdict %s: %w", id, ErrNotFound)
	}
	return i, nil
}

func paymentsV2() mesh.Target { return mesh.Target{Service: "payments", Version: "v2"} }

func (s *Shop) failedTraces() []string {
	n := s.now().UnixMilli() / traceEvery.Milliseconds()
	var out []string
	for ; len(out) < 3; n-- {
		if summaryOf(spansOf(n)).Errors > 0 {
			out = append(out, traceIDOf(n))
		}
	}
	return out
}

func (s *Shop) breakPayments() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faulty = true
	s.tell(mesh.Event{
		Kind: mesh.EventAnomaly, Target: paymentsV2(), By: "topology", Traces: s.failedTraces(),
		Summary: "62 % of 148 requests to payments:v2 failed in 5 s; 0.2 % are usual",
		Detail:  map[string]string{"requests": "148", "failed": "92", "usual": "0.2 %", "lower bound": "48 %"},
	})
}

func (s *Shop) tripPayments() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.verdicts, func(v mesh.Verdict) bool { return v.Target == paymentsV2() }) {
		return
	}
	s.trip(paymentsV2(), "62 % of 148 requests failed in 5 s; 0.2 % are usual", "remedy", s.failedTraces())
}

func (s *Shop) probePayments() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faulty = false
	for i, v := range s.verdicts {
		if v.Target == paymentsV2() && !v.Held && v.By == "remedy" {
			s.verdicts[i].Phase, s.verdicts[i].Admit = mesh.Probing, 0.1
			s.tell(mesh.Event{Kind: mesh.EventProbing, Target: v.Target, Summary: "payments:v2 gets 10 % of its traffic to see whether it recovered", By: "remedy", Verdict: v.ID})
		}
	}
}

func (s *Shop) healPayments() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, v := range s.verdicts {
		if v.Target == paymentsV2() && !v.Held && v.By == "remedy" {
			s.verdicts = slices.Delete(s.verdicts, i, i+1)
			s.tell(mesh.Event{Kind: mesh.EventReleased, Target: v.Target, Summary: "payments:v2 released: 31 probes, none failed", By: "remedy", Verdict: v.ID, Detail: map[string]string{"probes": "31", "failed": "0"}})
			return
		}
	}
}

// history is what happened in the hour before.
func (s *Shop) history() {
	at := func(d time.Duration) time.Time { return s.started.Add(d) }
	tell := func(d time.Duration, e mesh.Event) {
		e.Time = at(d)
		s.tell(e)
	}
	for i, service := range []mesh.ServiceName{"gateway", "catalog", "cart", "checkout", "payments", "shipping"} {
		tell(time.Duration(i)*time.Second, mesh.Event{
			Kind: mesh.EventInstance, Target: mesh.Target{Service: service, Version: "v1", Instance: mesh.InstanceID(string(service) + "-v1-1")},
			Summary: string(service) + "-v1-1 joined", By: "sightline",
		})
	}
	tell(9*time.Minute, mesh.Event{Kind: mesh.EventConfig, By: "admin", Target: mesh.Target{Service: "reviews"}, Summary: "VirtualService default/reviews applied", Detail: map[string]string{"version": "40"}})
	tell(21*time.Minute, mesh.Event{Kind: mesh.EventTraffic, By: "admin", Target: mesh.Target{Service: "payments"}, Summary: "weights of payments set to v1 90, v2 10", Detail: map[string]string{"before": "v1 100, v2 0", "after": "v1 90, v2 10"}})
	loop := func(kind mesh.EventKind, d time.Duration, by, summary string) {
		tell(48*time.Minute+d, mesh.Event{Kind: kind, Target: paymentsV2(), By: by, Summary: summary, Verdict: "v-past", Traces: s.failedTraces()})
	}
	loop(mesh.EventAnomaly, 0, "topology", "55 % of 131 requests to payments:v2 failed in 5 s; 0.2 % are usual")
	loop(mesh.EventTripped, 2*time.Second, "remedy", "payments:v2 tripped: 55 % of 131 requests failed in 5 s")
	loop(mesh.EventProbing, 22*time.Second, "remedy", "payments:v2 gets 10 % of its traffic to see whether it recovered")
	loop(mesh.EventReleased, 37*time.Second, "remedy", "payments:v2 released: 28 probes, none failed")
	tell(52*time.Minute, mesh.Event{Kind: mesh.EventRefused, By: "shipping-v1-1", Target: mesh.Target{Service: "shipping", Version: "v1", Instance: "shipping-v1-1"}, Summary: `shipping-v1-1 refused configuration 41: service "users" is not in the snapshot`})
}
