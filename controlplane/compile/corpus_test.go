package compile_test

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// outcomes is what becomes of manifests as introductions to Istio have them: for each
// service that one speaks of what a sidecar does, or why the manifest is refused.
var outcomes = map[string]string{
	"destination-rule-all.yaml":              "front: all; parcels: all; stamps: all; notes: all",
	"destination-rule-all-mtls.yaml":         "front: all, ISTIO_MUTUAL; parcels: all, ISTIO_MUTUAL; stamps: all, ISTIO_MUTUAL; notes: all, ISTIO_MUTUAL",
	"destination-rule-parcels.yaml":          "parcels: all, random",
	"fault-injection-notes-v1.yaml":          "notes: 555 for 100% v1 | v1",
	"virtual-service-all-v1.yaml":            "front: v1; parcels: v1; stamps: v1; notes: v1",
	"virtual-service-notes-v2.yaml":          "notes: v2",
	"virtual-service-parcels-50-v3.yaml":     "parcels: v1 50 v3 50",
	"virtual-service-parcels-80-20.yaml":     "parcels: v1 80 v2 20",
	"virtual-service-parcels-90-10.yaml":     "parcels: v1 90 v2 10",
	"virtual-service-parcels-ada-v2-v3.yaml": "parcels: end-user=ada v2 | v3",
	"virtual-service-parcels-test-v2.yaml":   "parcels: end-user=ada v2 | v1",
	"virtual-service-parcels-v2-v3.yaml":     "parcels: v2 50 v3 50",
	"virtual-service-parcels-v3.yaml":        "parcels: v3",
	"gateway-api_route-all-v1.yaml":          "parcels: parcels-v1 | parcels; front: front-v1 | front; stamps: stamps-v1 | stamps",
	"gateway-api_route-parcels-50-v3.yaml":   "parcels: parcels-v1 50 parcels-v3 50 | parcels",
	"gateway-api_route-parcels-90-10.yaml":   "parcels: parcels-v1 90 parcels-v2 10 | parcels",
	"gateway-api_route-parcels-v1.yaml":      "parcels: parcels-v1 | parcels",
	"gateway-api_route-parcels-v3.yaml":      "parcels: parcels-v3 | parcels",
	"egress-rule-google-apis.yaml":           "api: api.example.com, round-robin, SIMPLE at 443",
	"virtual-service-stamps-db.yaml":         "parcels: v3; stamps: v2",
	"virtual-service-stamps-test-abort.yaml": "stamps: end-user=ada 500 for 100% v1 | v1",
	"virtual-service-stamps-test-delay.yaml": "stamps: end-user=ada 7s for 100% v1 | v1",
}

// TestCorpus reads each as it is, beside the rules that define the subsets.
func TestCorpus(t *testing.T) {
	files, err := filepath.Glob("testdata/corpus/*.yaml")
	if err != nil || len(files) < len(outcomes) {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimPrefix(filepath.Base(file), "networking_")
		if want, ok := outcomes[name]; ok {
			if got := becomes(t, file); got != want {
				t.Errorf("%s becomes\n%s, want\n%s", name, got, want)
			}
		}
	}
}

// TestCorpusOfGateways: what is about the edge of a mesh, or of a cluster, is refused by
// name where it is not read; nothing is left out in silence.
func TestCorpusOfGateways(t *testing.T) {
	files, err := filepath.Glob("testdata/corpus/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if _, read := outcomes[strings.TrimPrefix(filepath.Base(file), "networking_")]; read {
			continue
		}
		manifest, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		objects, refused := config.Read(manifest)
		for _, f := range refused {
			if f.Path == "" && !strings.Contains(f.Message, "kind") || f.Message == "" {
				t.Errorf("%s: %+v names neither field nor kind", file, f)
			}
		}
		if n := 1 + strings.Count(string(manifest), "\n---\n"); len(objects) < n && len(refused) == 0 {
			t.Errorf("%s: of %d documents %d are read, and nothing is said of the others", file, n, len(objects))
		}
	}
}

// becomes is a file's outcome in words.
func becomes(t *testing.T, file string) string {
	t.Helper()
	manifest, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	own, err := config.Parse(manifest)
	if err != nil {
		return "refused: " + err.Error()
	}
	all := slices.Clone(own)
	subsets, err := os.ReadFile("testdata/corpus/networking_destination-rule-all.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range objects(t, string(subsets)) {
		if !slices.ContainsFunc(own, func(o config.Object) bool { return o.Key() == rule.Key() }) {
			all = append(all, rule)
		}
	}
	if findings := config.Validate(all, config.World{Unknown: true}); config.Refused(findings) {
		return fmt.Sprintf("refused: %+v", findings)
	}
	snaps := compile.Snapshots(all, nil, nil, 1)
	var said []string
	for _, o := range own {
		for _, host := range o.Hosts() {
			s := host.Name() + ": " + does(snaps[host])
			if !slices.Contains(said, s) {
				said = append(said, s)
			}
		}
	}
	return strings.Join(said, "; ")
}

// does is how requests for a service are treated.
func does(s mesh.Snapshot) string {
	var routes []string
	for _, r := range s.Routes {
		routes = append(routes, strings.Join(slices.Concat(asks(r), injects(r.Fault), sends(r)), " "))
	}
	said := []string{cmp.Or(strings.Join(routes, " | "), "all"), string(s.Policy.LoadBalancer), string(s.Policy.MTLS)}
	for _, p := range s.PortPolicies {
		said = append(said, fmt.Sprintf("%s at %d", p.Policy.MTLS, p.Port))
	}
	return strings.Join(slices.DeleteFunc(said, func(s string) bool { return s == "" }), ", ")
}

func asks(r mesh.Route) (out []string) {
	for _, m := range r.Matches {
		for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
			out = append(out, name+"="+m.Headers[name].Exact)
		}
	}
	return out
}

func injects(f *mesh.Fault) (out []string) {
	if f == nil {
		return nil
	}
	if d := f.Delay; d != nil {
		out = append(out, fmt.Sprintf("%v for %v%%", d.Fixed, d.Percent))
	}
	if a := f.Abort; a != nil {
		out = append(out, fmt.Sprintf("%d for %v%%", a.Status, a.Percent))
	}
	return out
}

func sends(r mesh.Route) (out []string) {
	for _, d := range r.Destinations {
		out = append(out, cmp.Or(d.Subset, string(d.Service)))
		if len(r.Destinations) > 1 {
			out = append(out, strconv.Itoa(int(d.Weight)))
		}
	}
	return out
}
