package apitest

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/ui/api"
)

// What stands in the shop's configuration beside the splits of traffic.
const (
	cartRoute = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: cart
  namespace: default
spec:
  parentRefs:
  - group: ""
    kind: Service
    name: cart
  rules:
  - matches:
    - path: {type: PathPrefix, value: /cart}
    backendRefs:
    - name: cart
      port: 80
    - name: cart-next
      port: 80
      weight: 5
`
	usersRule = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: users
  namespace: default
spec:
  host: users
  subsets:
  - name: v1
    labels: {version: v1}
  - name: v9
    labels: {version: v9}
`
	gatewaySLO = `apiVersion: openslo/v1
kind: SLO
metadata: {name: gateway-availability, namespace: default}
spec:
  service: gateway
  timeWindow: [{duration: 30d, isRolling: true}]
  objectives: [{targetPercent: 99.9}]
`
)

var (
	kindLine      = regexp.MustCompile(`(?m)^kind:\s*(\S+)`)
	nameField     = regexp.MustCompile(`(?m)^(?:  |metadata:\s*\{.*?\b)name:\s*([^\s,}]+)`)
	namespaceOnce = regexp.MustCompile(`(?m)^(?:  |metadata:\s*\{.*?\b)namespace:\s*([^\s,}]+)`)
)

// resourcesIn takes a manifest apart by its looks.
func resourcesIn(manifest string) (out []mesh.Resource) {
	for text := range strings.SplitSeq("\n"+manifest, "\n---") {
		kind, name := kindLine.FindStringSubmatch(text), nameField.FindStringSubmatch(text)
		if kind == nil || name == nil {
			continue
		}
		r := mesh.Resource{Kind: kind[1], Namespace: "default", Name: name[1], Manifest: strings.TrimSpace(text) + "\n"}
		if namespace := namespaceOnce.FindStringSubmatch(text); namespace != nil {
			r.Namespace = namespace[1]
		}
		out = append(out, r)
	}
	return out
}

func named(r mesh.Resource) string { return r.Kind + " " + r.Namespace + "/" + r.Name }

// configure is how the shop's configuration came about.
func (s *Shop) configure() {
	s.change(s.started.Add(-26*time.Hour), "ada", "applied SLO default/gateway-availability", resourcesIn(gatewaySLO)...)
	s.change(s.started.Add(2*time.Minute), "ada", "applied DestinationRule default/users", resourcesIn(usersRule)...)
	s.change(s.started.Add(9*time.Minute), "admin", "applied HTTPRoute default/cart", resourcesIn(strings.Replace(cartRoute, "weight: 5", "weight: 1", 1))...)
	s.change(s.started.Add(14*time.Minute), "admin", "applied HTTPRoute default/cart", resourcesIn(cartRoute)...)
}

// change puts resources, or takes out those whose manifest is empty, and keeps what that
// changed. The caller holds mu.
func (s *Shop) change(at time.Time, by, summary string, next ...mesh.Resource) {
	c := mesh.Change{Number: uint64(len(s.changes) + 1), Time: at, By: by, Summary: summary}
	for _, r := range next {
		i := slices.IndexFunc(s.stored, func(o mesh.Resource) bool { return named(o) == named(r) })
		did := mesh.ChangedResource{Kind: r.Kind, Namespace: r.Namespace, Name: r.Name, After: r.Manifest}
		if i >= 0 {
			did.Before = s.stored[i].Manifest
			s.stored = slices.Delete(s.stored, i, i+1)
		}
		if r.Manifest != "" {
			r.Version, r.Changed, r.By = 40+c.Number, at, by
			s.stored = append(s.stored, r)
		}
		if did.Before != did.After {
			c.Resources = append(c.Resources, did.Told())
		}
	}
	if len(c.Resources) > 0 {
		s.changes = append(s.changes, c)
	}
}

// Resources is what was applied.
func (s *Shop) Resources(ctx context.Context, kind string) ([]mesh.Resource, error) {
	var out []mesh.Resource
	for _, service := range []mesh.ServiceName{"payments", "reviews"} {
		t, err := s.Traffic(ctx, service)
		if err != nil || t.Manifest == "" {
			continue
		}
		out = append(out, mesh.Resource{
			Kind: "VirtualService", Namespace: "default", Name: string(service), Version: 41, Changed: t.Changed, By: "admin", Manifest: t.Manifest,
		})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.stored {
		if r.Kind == "HTTPRoute" {
			r.Status = routeStatus(r)
		}
		out = append(out, r)
	}
	return slices.DeleteFunc(out, func(r mesh.Resource) bool { return kind != "" && r.Kind != kind }), nil
}

func routeStatus(r mesh.Resource) *mesh.RouteStatus {
	return &mesh.RouteStatus{Parents: []mesh.RouteParentStatus{{
		ParentRef: mesh.RouteParent{Kind: "Service", Namespace: r.Namespace, Name: r.Name}, ControllerName: "sightline.dev/mesh",
		Conditions: []mesh.RouteCondition{
			{Type: "Accepted", Status: "True", Reason: "Accepted"},
			{Type: "ResolvedRefs", Status: "False", Reason: "BackendNotFound", Message: "Service default/cart-next has no instance"},
		},
	}}}
}

// findingsIn remarks on the words "unknown" and "v9", with the line they are in.
func findingsIn(manifest string) (out []mesh.Finding) {
	resource := "manifest"
	if all := resourcesIn(manifest); len(all) > 0 {
		resource = named(all[0])
	}
	for i, line := range strings.Split(manifest, "\n") {
		f := mesh.Finding{Resource: resource, Line: i + 1}
		switch {
		case strings.Contains(line, "unknown"):
			f.Code, f.Severity, f.Path, f.Message = "SL0003", "error", "spec.unknown", "is no field of this kind; did you mean \"hosts\"?"
		case strings.Contains(line, "name: v9"):
			f.Code, f.Severity, f.Path, f.Message = "SL0104", "warning", "spec.subsets[1].labels", `no running instance has the label version "v9": want one of v1`
		default:
			continue
		}
		out = append(out, f)
	}
	return out
}

// Analyze has remarks on resources that are there, without lines.
func (s *Shop) Analyze(ctx context.Context) ([]mesh.Finding, error) {
	if s.silent {
		return nil, nil
	}
	out := []mesh.Finding{{
		Code: "SL0104", Severity: "warning", Resource: "VirtualService default/reviews", Path: "spec.http[0].route[1].destination.subset",
		Message: `"v9" has no running instance`,
	}}
	all, err := s.Resources(ctx, "")
	for _, r := range all {
		for _, f := range findingsIn(r.Manifest) {
			f.Line = 0
			out = append(out, f)
		}
	}
	return out, err
}

// Apply refuses a manifest with the word "unknown" and stores any other.
func (s *Shop) Apply(_ context.Context, manifest []byte, by string, dryRun bool) ([]mesh.Finding, error) { //nolint:revive // flag-parameter: the API's own signature
	findings := findingsIn(string(manifest))
	bad := slices.ContainsFunc(findings, func(f mesh.Finding) bool { return f.Severity == "error" })
	if dryRun || bad {
		return findings, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next := resourcesIn(string(manifest))
	names := make([]string, 0, len(next))
	for _, r := range next {
		names = append(names, named(r))
	}
	s.change(s.now(), by, "applied "+strings.Join(names, ", "), next...)
	s.tell(mesh.Event{Kind: mesh.EventConfig, By: by, Summary: "configuration applied"})
	return findings, nil
}

// Replace is Apply of a resource that must still be of a version.
func (s *Shop) Replace(ctx context.Context, manifest []byte, version uint64, by string) ([]mesh.Finding, error) {
	all, err := s.Resources(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, r := range resourcesIn(string(manifest)) {
		i := slices.IndexFunc(all, func(o mesh.Resource) bool { return named(o) == named(r) })
		if i < 0 || all[i].Version != version {
			return nil, fmt.Errorf("%s is not of version %d any more: %w", named(r), version, ErrConflict)
		}
	}
	return s.Apply(ctx, manifest, by, false)
}

// Delete takes out what was applied.
func (s *Shop) Delete(_ context.Context, kind, namespace, name, by string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := mesh.Resource{Kind: kind, Namespace: namespace, Name: name}
	there := slices.ContainsFunc(s.stored, func(r mesh.Resource) bool { return named(r) == named(gone) })
	if !there && kind != "VirtualService" {
		return fmt.Errorf("%s: %w", named(gone), ErrNotFound)
	}
	s.change(s.now(), by, "deleted "+named(gone), gone)
	return nil
}

// Changes are those of the configuration, newest first.
func (s *Shop) Changes(_ context.Context, q api.HistoryQuery) ([]mesh.Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []mesh.Change
	for _, c := range slices.Backward(s.changes) {
		if (q.Below == 0 || c.Number < q.Below) && len(out) < q.Limit {
			c.Resources = slices.Clone(c.Resources)
			for i := range c.Resources {
				c.Resources[i].Before, c.Resources[i].After = "", ""
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// Change is one of them whole.
func (s *Shop) Change(_ context.Context, number uint64) (mesh.Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if number == 0 || number > uint64(len(s.changes)) {
		return mesh.Change{}, fmt.Errorf("change %d: %w", number, ErrNotFound)
	}
	return s.changes[number-1], nil
}

// Restore goes back to how it stood after a change.
func (s *Shop) Restore(_ context.Context, to uint64, by string, dryRun bool) (mesh.Restoration, error) { //nolint:revive // flag-parameter: the API's own signature
	s.mu.Lock()
	defer s.mu.Unlock()
	if to > uint64(len(s.changes)) {
		return mesh.Restoration{}, fmt.Errorf("change %d: %w", to, ErrNotFound)
	}
	out := mesh.Restoration{To: to}
	then := map[string]mesh.Resource{}
	for _, c := range slices.Backward(s.changes[to:]) {
		for _, r := range c.Resources {
			back := mesh.Resource{Kind: r.Kind, Namespace: r.Namespace, Name: r.Name, Manifest: r.Before}
			then[named(back)] = back
		}
	}
	var next []mesh.Resource
	for _, back := range then {
		i := slices.IndexFunc(s.stored, func(r mesh.Resource) bool { return named(r) == named(back) })
		did := mesh.ChangedResource{Kind: back.Kind, Namespace: back.Namespace, Name: back.Name, After: back.Manifest}
		if i >= 0 {
			did.Before = s.stored[i].Manifest
		}
		if did.Before != did.After {
			out.Changes, next = append(out.Changes, did.Told()), append(next, back)
		}
	}
	if !dryRun {
		s.change(s.now(), by, fmt.Sprintf("restored to change %d", to), next...)
	}
	return out, nil
}
