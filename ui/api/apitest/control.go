package apitest

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/ui/api"
)

// Traffic is the split of a service.
func (s *Shop) Traffic(_ context.Context, service mesh.ServiceName) (mesh.Traffic, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := slices.ContainsFunc(calls(), func(c call) bool { return c.to == string(service) })
	if !known {
		return mesh.Traffic{}, fmt.Errorf("service %q: %w", service, ErrNotFound)
	}
	t := mesh.Traffic{Service: service, Versions: versionsOf(string(service)), Weights: map[mesh.Version]uint32{}}
	stack := s.weights[service]
	if len(stack) > 0 {
		t.Weights = maps.Clone(stack[len(stack)-1])
		t.Source = "VirtualService default/" + string(service)
		t.Manifest = manifest(service, t.Weights)
		t.Changed = s.now().Add(-12 * time.Minute)
	}
	if len(stack) > 1 {
		t.CanUndo, t.Undo = true, maps.Clone(stack[len(stack)-2])
	}
	return t, nil
}

func manifest(service mesh.ServiceName, weights map[mesh.Version]uint32) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: %s\n  namespace: default\nspec:\n  hosts:\n  - %s\n  http:\n  - route:\n", service, service)
	for _, v := range slices.Sorted(maps.Keys(weights)) {
		fmt.Fprintf(&b, "    - destination:\n        host: %s\n        subset: %s\n      weight: %d\n", service, v, weights[v])
	}
	return b.String()
}

// SetTraffic changes the split.
func (s *Shop) SetTraffic(ctx context.Context, service mesh.ServiceName, weights map[mesh.Version]uint32, by string) (mesh.Traffic, error) {
	before, err := s.Traffic(ctx, service)
	if err != nil {
		return before, err
	}
	for v := range weights {
		if !slices.Contains(before.Versions, v) {
			return before, fmt.Errorf("version %q has no instance: %w", v, ErrRefused)
		}
	}
	s.mu.Lock()
	if len(s.weights[service]) == 0 {
		s.weights[service] = append(s.weights[service], map[mesh.Version]uint32{})
	}
	s.weights[service] = append(s.weights[service], maps.Clone(weights))
	s.tell(mesh.Event{
		Kind: mesh.EventTraffic, Target: mesh.Target{Service: service}, By: by,
		Summary: fmt.Sprintf("weights of %s set to %s", service, words(weights)),
		Detail:  map[string]string{"before": words(before.Weights), "after": words(weights)},
	})
	s.mu.Unlock()
	return s.Traffic(ctx, service)
}

func words(weights map[mesh.Version]uint32) string {
	var parts []string
	for _, v := range slices.Sorted(maps.Keys(weights)) {
		parts = append(parts, fmt.Sprintf("%s %d", v, weights[v]))
	}
	if parts == nil {
		return "every instance alike"
	}
	return strings.Join(parts, ", ")
}

// UndoTraffic takes the newest change back.
func (s *Shop) UndoTraffic(_ context.Context, service mesh.ServiceName, by string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	stack := s.weights[service]
	if len(stack) < 2 {
		return fmt.Errorf("undo %s: there is no change to take back: %w", service, ErrRefused)
	}
	s.weights[service] = stack[:len(stack)-1]
	s.tell(mesh.Event{
		Kind: mesh.EventTraffic, Target: mesh.Target{Service: service}, By: by,
		Summary: fmt.Sprintf("weights of %s taken back to %s", service, words(stack[len(stack)-2])),
	})
	return nil
}

// tell adds an event. The caller holds mu.
func (s *Shop) tell(e mesh.Event) {
	if e.Time.IsZero() {
		e.Time = s.now()
	}
	e.ID = fmt.Sprintf("%016x-%04d", e.Time.UnixMilli(), len(s.events))
	s.events = append(s.events, e)
}

// Events is the timeline, newest first.
func (s *Shop) Events(_ context.Context, q api.EventQuery) ([]mesh.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []mesh.Event
	for _, e := range slices.Backward(s.events) {
		fits := (q.Kind == "" || string(e.Kind) == q.Kind) && (q.Service == "" || string(e.Target.Service) == q.Service) &&
			(q.After == "" || e.ID < q.After)
		if fits && len(out) < q.Limit {
			out = append(out, e)
		}
	}
	return out, nil
}

// Replay has one request that would have been routed otherwise.
func (*Shop) Replay(_ context.Context, _ []byte, w signal.Window, limit int) (mesh.Replay, error) {
	return mesh.Replay{Start: w.Start, End: w.End, Requests: min(limit, 1), Changed: min(limit, 1), Changes: []mesh.ReplayChange{{
		What: mesh.ReplayRouted, Caller: "checkout", Service: "payments", Was: "payments v1", Becomes: "payments v2", Requests: 1,
	}}}, nil
}

// CreateToken makes a token that opens nothing.
func (*Shop) CreateToken(context.Context, api.TokenRequest) (string, error) {
	return "slt_test_test_test", nil
}

// Proxies is one sidecar for each version of each service.
func (s *Shop) Proxies(context.Context) ([]mesh.ProxyStatus, error) {
	var out []mesh.ProxyStatus
	seen := map[string]bool{}
	for _, c := range calls() {
		if seen[c.to] || s.silent {
			continue
		}
		seen[c.to] = true
		for _, v := range versionsOf(c.to) {
			p := mesh.ProxyStatus{
				Instance: mesh.Instance{
					ID: mesh.InstanceID(c.to + "-" + string(v) + "-1"), Service: mesh.ServiceName(c.to), Version: v,
					Address: netip.MustParseAddrPort("127.0.0.1:15006"), State: mesh.Ready,
					Identity: mesh.Identity("spiffe://mesh.local/ns/default/sa/" + c.to),
				},
				Connected: true, Since: s.started, Build: "v0.1.0", Subscribed: []string{"catalog", "users"},
				Pushed: 41, Accepted: 41, InSync: true, CertExpires: s.now().Add(19 * time.Hour),
				PropagationMs: 2.8, ControlPlane: "a",
			}
			if c.to == "shipping" {
				p.Behind = s.now().Add(-84 * time.Second)
				p.InSync, p.Accepted, p.Refusal = false, 40, `compile route "shipping": service "users" is not in the snapshot`
			}
			out = append(out, p)
		}
	}
	return out, nil
}

// Replicas is the one control plane.
func (s *Shop) Replicas(context.Context) ([]mesh.Replica, error) {
	return []mesh.Replica{{ID: "a", Address: "127.0.0.1:15012", Since: s.started, Leads: true}}, nil
}

// Discard finds nothing that cannot be read, which is no error of who asks.
func (*Shop) Discard(context.Context, string, string, string) error { return nil }

// Propagation is that of two changes, one of them on its way.
func (s *Shop) Propagation(context.Context) (mesh.Propagation, error) {
	if s.silent {
		return mesh.Propagation{}, nil
	}
	return mesh.Propagation{Changes: []mesh.ConfigChange{
		{Version: 41, Committed: s.now().Add(-time.Second), Services: []mesh.ServiceName{"shipping"}, Changed: 1, Policies: []string{"AuthorizationPolicy default/shipping"}, PoliciesChanged: 1, Sidecars: 4, Applied: 2, Refused: 1, P50: 3.1, Last: 4.6},
		{Version: 40, Committed: s.started, Services: []mesh.ServiceName{"catalog", "users"}, Changed: 2, Sidecars: 9, Applied: 9, P50: 2.8, Last: 11.2},
	}}, nil
}

// SLOs are three objectives: one well, one in danger, one without traffic.
func (s *Shop) SLOs() []signal.SLOStatus {
	if s.silent {
		return nil
	}
	slo := func(service string, objective, left float64, burn ...signal.Burn) signal.SLOStatus {
		return signal.SLOStatus{
			Name: service + "-availability", Namespace: "default", Service: service, Description: "Requests that do not fail",
			Objective: objective, Window: "30d", Known: burn != nil, BudgetLeft: left, ErrorShare: (1 - left) * (1 - objective), Burn: burn, State: "ok",
		}
	}
	inDanger := slo("payments", 0.99, 0.18, signal.Burn{Window: "1h", Rate: 16.2, Limit: 14.4}, signal.Burn{Window: "6h", Rate: 3.1, Limit: 6})
	inDanger.State = "page"
	return []signal.SLOStatus{
		slo("gateway", 0.999, 0.71, signal.Burn{Window: "1h", Rate: 0.4, Limit: 14.4}, signal.Burn{Window: "6h", Rate: 0.6, Limit: 6}),
		inDanger, slo("users", 0.999, 1),
	}
}

// Alerts is one alert.
func (s *Shop) Alerts() []signal.Alert {
	if s.silent {
		return nil
	}
	return []signal.Alert{{
		Name: "PaymentsAvailabilityBurn", State: "firing", Severity: "page", Service: "payments", SLO: "payments-availability",
		Summary: "payments spends its error budget 16 times too fast", Since: s.now().Add(-4 * time.Minute), Value: 16.2,
	}}
}

// Tenants are the books of each tenant.
func (s *Shop) Tenants() []signal.Tenant {
	n := uint64(s.now().Sub(s.started).Seconds())
	return []signal.Tenant{
		{Tenant: "claimed/batch", Claimed: true, Signal: "traces", Taken: n * 280, TakenBytes: n * 196_000, Refused: map[string]uint64{"tenant-items": n * 40}},
		{Tenant: "default", Signal: "traces", Taken: n * 1200, TakenBytes: n * 840_000, Refused: map[string]uint64{}},
	}
}

// StoreState is how the store stands: something of the day before yesterday is damaged.
func (s *Shop) StoreState() signal.StoreState {
	if s.silent {
		return signal.StoreState{}
	}
	since := s.started.Add(-3 * time.Hour)
	day := since.AddDate(0, 0, -2).UTC().Truncate(24 * time.Hour)
	return signal.StoreState{Bytes: 44_300_000_000, Cold: &signal.ColdState{Bytes: 31_700_000_000}, Damaged: []signal.DamagedPart{{
		Table: "red_1m", Part: "broken-on-start_" + day.Format("20060102") + "_1_86_3", Day: day, Bytes: 1_310_720, Since: since,
	}}}
}

// Accounting is the collector's books.
func (s *Shop) Accounting() []signal.Pipeline {
	n := uint64(s.now().Sub(s.started).Seconds())
	return []signal.Pipeline{
		{
			Signal: "traces", Unit: "spans", Received: n*1480 + 12, Queued: 12, Stored: n * 1480, Dropped: map[string]uint64{},
			Sidecars: &signal.Sent{Processes: 9, Made: n*1480 + 371, Received: n*1480 + 12, InFlight: 48, Unaccounted: 311, Missing: []string{"payments-v2-1"}, Dropped: map[string]uint64{}},
		},
		{
			Signal: "logs", Unit: "records", Received: n * 1190, Stored: n * 1190, Dropped: map[string]uint64{},
			Sidecars: &signal.Sent{Processes: 9, Made: n*1190 + 31, Received: n * 1190, InFlight: 31, Dropped: map[string]uint64{}},
		},
		{
			Signal: "metrics", Unit: "points", Received: n*96 + 40, Stored: n * 96, Dropped: map[string]uint64{"queue full": 40},
			Sidecars: &signal.Sent{Processes: 9, Made: n*96 + 164, Received: n*96 + 40, Dropped: map[string]uint64{"queue full": 124}},
		},
	}
}
