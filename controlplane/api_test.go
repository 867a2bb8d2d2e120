package controlplane

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const destinationRule = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: reviews
spec:
  host: reviews
  subsets:
  - name: v1
    labels: {version: v1}
  - name: v2
    labels: {version: v2}
`

// The comment and the match must outlive every shift of traffic.
const virtualService = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
spec:
  hosts: [reviews]
  http:
  - match: # testers first
    - headers: {end-user: {exact: jason}}
    route:
    - destination: {host: reviews, subset: v2}
  - timeout: 2s
    route:
    - destination: {host: reviews, subset: v1}
      weight: 80
    - destination: {host: reviews, subset: v2}
      weight: 20
`

// reviewsPlant is a mesh with two versions of reviews and a sidecar that calls them.
func reviewsPlant(t *testing.T) (*admin.Client, *sidecar) {
	t.Helper()
	p := newPlant(t)
	c := p.admin()
	token := p.token(c)
	web := p.sidecar(token, workload("web", "v1", "web-1"), "reviews")
	p.sidecar(token, workload("reviews", "v1", "reviews-v1-1"))
	p.sidecar(token, workload("reviews", "v2", "reviews-v2-1"))
	web.until(t, "arrival of reviews", "reviews", instances(2))
	return c, web
}

func apply(t *testing.T, c *admin.Client, manifest string) {
	t.Helper()
	findings, err := c.Apply(t.Context(), []byte(manifest), "ada", false)
	if err != nil || hasError(findings) {
		t.Fatalf("apply: %v %+v", err, findings)
	}
}

func hasError(findings []mesh.Finding) bool {
	for _, f := range findings {
		if f.Severity == "error" {
			return true
		}
	}
	return false
}

// split is the weights of a snapshot's last route by subset.
func split(s mesh.Snapshot) map[string]uint32 {
	if len(s.Routes) == 0 {
		return nil
	}
	out := map[string]uint32{}
	for _, d := range s.Routes[len(s.Routes)-1].Destinations {
		out[d.Subset] = d.Weight
	}
	return out
}

func splits(want map[string]uint32) func(mesh.Snapshot) bool {
	return func(s mesh.Snapshot) bool { return cmp.Equal(want, split(s)) }
}

func TestConfigurationReachesSidecars(t *testing.T) {
	t.Parallel()
	c, web := reviewsPlant(t)
	apply(t, c, destinationRule+"---\n"+virtualService)
	got := web.until(t, "routes", "reviews", splits(map[string]uint32{"v1": 80, "v2": 20}))
	if len(got.Routes) != 2 || len(got.Subsets) != 2 || got.Routes[1].Timeout.Seconds() != 2 {
		t.Errorf("snapshot: %+v", got)
	}
	resources, err := c.Resources(t.Context(), "")
	if err != nil || len(resources) != 2 || resources[1].By != "ada" || resources[1].Version == 0 || !strings.Contains(resources[1].Manifest, "testers first") {
		t.Errorf("resources: %+v, %v", resources, err)
	}
	before, err := c.Events(t.Context(), admin.EventQuery{Kind: mesh.EventConfig, Service: "reviews"})
	if err != nil || len(before) != 2 || before[0].By != "ada" || before[0].Target.Service != "reviews" || before[0].Detail["after"] == "" {
		t.Errorf("events: %+v, %v", before, err)
	}
	apply(t, c, virtualService) // the same again changes nothing
	again, err := c.Events(t.Context(), admin.EventQuery{Kind: mesh.EventConfig, Service: "reviews"})
	if diff := cmp.Diff(before, again); err != nil || diff != "" {
		t.Errorf("an apply of what is there made an event: %v %s", err, diff)
	}

	err = c.Delete(t.Context(), "DestinationRule", "default", "reviews", "ada")
	if refused, ok := errors.AsType[*admin.Error](err); !ok || refused.Status != http.StatusUnprocessableEntity || len(refused.Findings) == 0 {
		t.Errorf("deleting subsets in use: got %v, want a refusal with findings", err)
	}
	if err := c.Delete(t.Context(), "VirtualService", "default", "reviews", "ada"); err != nil {
		t.Error(err)
	}
	web.until(t, "deletion", "reviews", func(s mesh.Snapshot) bool { return len(s.Routes) == 0 })
	err = c.Delete(t.Context(), "VirtualService", "default", "reviews", "ada")
	if refused, ok := errors.AsType[*admin.Error](err); !ok || refused.Status != http.StatusNotFound {
		t.Errorf("deleting what is not there: got %v, want 404", err)
	}
}

func TestConfigurationIsRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	c, _ := reviewsPlant(t)
	apply(t, c, destinationRule)
	for name, test := range map[string]struct{ manifest, want string }{
		"unknown field":  {strings.Replace(virtualService, "timeout:", "timeoot:", 1), "timeoot"},
		"unknown subset": {strings.ReplaceAll(virtualService, "subset: v2", "subset: v9"), "v9"},
		"no weight":      {strings.NewReplacer("weight: 80", "weight: 0", "weight: 20", "weight: 0").Replace(virtualService), "weight"},
		"second one bad": {strings.Replace(destinationRule, "name: v1", "name: other", 1) + "---\n" + virtualService, "v1"},
		"not YAML":       {"{", ""},
		"nothing":        {"", "no resource"},
	} {
		findings, err := c.Apply(t.Context(), []byte(test.manifest), "ada", false)
		var text strings.Builder
		for _, f := range findings {
			text.WriteString(f.Path + ": " + f.Message + "\n")
		}
		if err != nil || !hasError(findings) || !strings.Contains(text.String(), test.want) {
			t.Errorf("%s: got %v and findings %q, want one that names %q", name, err, text.String(), test.want)
		}
	}
	findings, err := c.Apply(t.Context(), []byte(virtualService), "ada", true)
	if err != nil || hasError(findings) {
		t.Errorf("dry run: %v %+v", err, findings)
	}
	resources, err := c.Resources(t.Context(), "")
	if err != nil || len(resources) != 1 || resources[0].Manifest != destinationRule {
		t.Errorf("resources: %+v, %v, want the one that was there", resources, err)
	}
}

func TestTrafficIsShiftedAndTakenBack(t *testing.T) {
	t.Parallel()
	c, web := reviewsPlant(t)
	ctx := t.Context()
	const service = "reviews"
	if got, err := c.Traffic(ctx, service); err != nil || got.CanUndo || len(got.Weights) != 0 || !cmp.Equal(got.Versions, []mesh.Version{"v1", "v2"}) {
		t.Errorf("before anything: %+v, %v", got, err)
	}
	apply(t, c, destinationRule+"---\n"+virtualService)

	got, err := c.SetTraffic(ctx, service, map[mesh.Version]uint32{"v1": 50, "v2": 50}, "ada")
	if err != nil || !got.CanUndo || !got.Matches || got.Weights["v2"] != 50 || got.Undo["v2"] != 20 || !strings.Contains(got.Manifest, "testers first") {
		t.Errorf("after a shift: %+v, %v", got, err)
	}
	snap := web.until(t, "shift", service, splits(map[string]uint32{"v1": 50, "v2": 50}))
	if len(snap.Routes) != 2 || snap.Routes[1].Timeout == 0 {
		t.Errorf("the shift lost a route or its timeout: %+v", snap.Routes)
	}
	if _, err := c.SetTraffic(ctx, service, map[mesh.Version]uint32{"v2": 100}, "ada"); err != nil {
		t.Error(err)
	}
	for _, want := range []uint32{50, 20} {
		if err := c.UndoTraffic(ctx, service, "ada"); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Traffic(ctx, service); err != nil || got.Weights["v2"] != want {
			t.Errorf("after an undo: %+v, %v, want v2=%d", got, err, want)
		}
	}
	err = c.UndoTraffic(ctx, service, "ada")
	if refused, ok := errors.AsType[*admin.Error](err); !ok || refused.Status != http.StatusConflict {
		t.Errorf("third undo: got %v, want 409", err)
	}
	_, err = c.SetTraffic(ctx, service, map[mesh.Version]uint32{"v1": 0}, "ada")
	if refused, ok := errors.AsType[*admin.Error](err); !ok || refused.Status != http.StatusUnprocessableEntity {
		t.Errorf("weights of nothing: got %v, want 422", err)
	}
	events, err := c.Events(ctx, admin.EventQuery{Kind: mesh.EventTraffic, Service: service})
	if err != nil || len(events) != 4 || !strings.Contains(events[3].Summary, "v1=50 v2=50") || events[3].By != "ada" {
		t.Errorf("events: %+v, %v", events, err)
	}
}

func TestTrafficWithoutAnyConfiguration(t *testing.T) {
	t.Parallel()
	c, web := reviewsPlant(t)
	if _, err := c.SetTraffic(t.Context(), "reviews", map[mesh.Version]uint32{"v1": 90, "v2": 10}, "ada"); err != nil {
		t.Fatal(err)
	}
	web.until(t, "shift", "reviews", splits(map[string]uint32{"v1": 90, "v2": 10}))
	if err := c.UndoTraffic(t.Context(), "reviews", "ada"); err != nil {
		t.Fatal(err)
	}
	web.until(t, "undo", "reviews", func(s mesh.Snapshot) bool { return len(s.Routes) == 0 })
	if got, err := c.Traffic(t.Context(), "reviews"); err != nil || got.Source != "" || got.CanUndo {
		t.Errorf("after all was taken back: %+v, %v", got, err)
	}
}

func TestTripByHand(t *testing.T) {
	t.Parallel()
	c, web := reviewsPlant(t)
	target := mesh.Target{Service: "reviews", Version: "v2"}
	if err := c.Trip(t.Context(), target, "smells", "ada"); err != nil {
		t.Fatal(err)
	}
	snap := web.until(t, "verdict", "reviews", func(s mesh.Snapshot) bool { return len(s.Verdicts) == 1 })
	if v := snap.Verdicts[0]; v.Target != target || v.Phase != mesh.Tripped || v.By != "ada" || v.Admit != 0 {
		t.Errorf("verdict: %+v", v)
	}
	verdicts, err := c.Verdicts(t.Context())
	if err != nil || len(verdicts) != 1 {
		t.Fatalf("verdicts: %+v, %v", verdicts, err)
	}
	if err := c.Hold(t.Context(), verdicts[0].ID, "ada"); err != nil {
		t.Error(err)
	}
	if err := c.Release(t.Context(), verdicts[0].ID, "ada"); err != nil {
		t.Error(err)
	}
	web.until(t, "release", "reviews", func(s mesh.Snapshot) bool { return len(s.Verdicts) == 0 })
	err = c.Release(t.Context(), "v-none", "ada")
	if refused, ok := errors.AsType[*admin.Error](err); !ok || refused.Status != http.StatusNotFound {
		t.Errorf("release of nothing: got %v, want 404", err)
	}
	if err := c.Report(t.Context(), []mesh.Observation{{Target: target, Requests: 10}}); err != nil {
		t.Error(err)
	}
}

func TestAdminIsStrict(t *testing.T) {
	t.Parallel()
	c, _ := reviewsPlant(t)
	for name, call := range map[string]func(context.Context) error{
		"huge manifest": func(ctx context.Context) error {
			_, err := c.Apply(ctx, make([]byte, 5<<20), "ada", false)
			return err
		},
		"service that is no name": func(ctx context.Context) error {
			_, err := c.Traffic(ctx, "no_name")
			return err
		},
	} {
		err := call(t.Context())
		refused, ok := errors.AsType[*admin.Error](err)
		if !ok || refused.Status/100 != 4 {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
}

func TestObservationsBecomeAVerdictAndItsRelease(t *testing.T) {
	t.Parallel()
	c, web := reviewsPlant(t)
	report := func(failed uint64) {
		end := time.Now()
		seen := []mesh.Observation{
			{Target: mesh.Target{Service: "reviews", Version: "v1"}, Start: end.Add(-time.Second), End: end, Requests: 100},
			{Target: mesh.Target{Service: "reviews", Version: "v2"}, Start: end.Add(-time.Second), End: end, Requests: 100, Failed: failed},
		}
		if failed > 0 {
			seen[1].Anomaly = &mesh.Anomaly{Kind: "error-share", Detail: "60 of 100 failed", Bound: 0.4, Traces: []string{"0af7651916cd43dd8448eb211c80319c"}}
		}
		if err := c.Report(t.Context(), seen); err != nil {
			t.Error(err)
		}
	}
	start := time.Now()
	report(60)
	report(60)
	snap := web.until(t, "verdict", "reviews", func(s mesh.Snapshot) bool { return len(s.Verdicts) == 1 })
	t.Logf("the sidecar knew the verdict %s after the first report", time.Since(start))
	if v := snap.Verdicts[0]; v.Target.Version != "v2" || v.By != "remedy" || v.Phase != mesh.Tripped || len(v.Traces) != 1 {
		t.Errorf("verdict: %+v", v)
	}
	stop := make(chan struct{})
	var reporting sync.WaitGroup
	reporting.Go(func() {
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				report(0)
			case <-stop:
				return
			}
		}
	})
	web.until(t, "probing", "reviews", func(s mesh.Snapshot) bool {
		return len(s.Verdicts) == 1 && s.Verdicts[0].Phase == mesh.Probing && s.Verdicts[0].Admit > 0
	})
	web.until(t, "release", "reviews", func(s mesh.Snapshot) bool { return len(s.Verdicts) == 0 })
	close(stop)
	reporting.Wait()
	t.Logf("and its release %s after", time.Since(start))
	for _, kind := range []mesh.EventKind{mesh.EventTripped, mesh.EventProbing, mesh.EventReleased} {
		events, err := c.Events(t.Context(), admin.EventQuery{Kind: kind, Service: "reviews"})
		if err != nil || len(events) == 0 || events[0].By != "remedy" {
			t.Errorf("events of kind %s: %+v, %v", kind, events, err)
		}
	}
}
