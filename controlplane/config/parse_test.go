package config_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parse(t *testing.T, manifest string) []config.Object {
	t.Helper()
	objects, err := config.Parse([]byte(manifest))
	if err != nil {
		t.Fatalf("Parse: %v\n%s", err, manifest)
	}
	return objects
}

// TestParseRefuses reads each manifest in testdata/bad, whose first lines say what
// must be found in it.
func TestParseRefuses(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".yaml"), func(t *testing.T) {
			manifest := read(t, f)
			objects, err := config.Parse(manifest)
			if err == nil || objects != nil {
				t.Fatalf("Parse = %d objects, %v; want an error", len(objects), err)
			}
			if _, ok := errors.AsType[*config.Error](err); !ok {
				t.Errorf("the error is a %T", err)
			}
			wanted := 0
			for lines := bufio.NewScanner(bytes.NewReader(manifest)); lines.Scan(); {
				want, ok := strings.CutPrefix(lines.Text(), "# want: ")
				if !ok {
					break
				}
				wanted++
				if !strings.Contains(err.Error(), want) {
					t.Errorf("not found: %s", want)
				}
			}
			if got := len(strings.Split(err.Error(), "\n")); got != wanted || t.Failed() {
				t.Errorf("%d findings, want %d:\n%v", got, wanted, err)
			}
		})
	}
}

func TestParseVirtualService(t *testing.T) {
	got := parse(t, string(read(t, "testdata/good/virtualservice.yaml")))[0]
	if got.Key() != "VirtualService depot/parcels" {
		t.Errorf("Key = %q", got.Key())
	}
	want := []mesh.ServiceName{"parcels.depot", "parcels.depot"}
	if diff := cmp.Diff(want, got.Hosts()); diff != "" {
		t.Errorf("Hosts (-want +got):\n%s", diff)
	}
	h := got.VirtualService.GetHttp()
	if len(h) != 2 || h[1].GetTimeout().AsDuration() != time.Minute || h[1].GetRoute()[1].GetWeight() != 7 {
		t.Errorf("http = %v", h)
	}
	if !bytes.Contains(got.Source, []byte("# Everything of a VirtualService")) {
		t.Error("the source lost its comment")
	}
}

func TestParseDestinationRule(t *testing.T) {
	all := parse(t, string(read(t, "testdata/good/destinationrule.yaml")))
	if len(all) != 1 {
		t.Fatalf("%d objects, want 1", len(all))
	}
	d := all[0].DestinationRule
	if got := d.GetSubsets()[0].GetTrafficPolicy().GetOutlierDetection().GetBaseEjectionTime().AsDuration(); got != 30*time.Second {
		t.Errorf("aliased baseEjectionTime = %s", got)
	}
}

func TestParseSLO(t *testing.T) {
	got := parse(t, string(read(t, "testdata/good/slo.yaml")))[0].SLO
	want := &mesh.SLO{
		Name: "parcels-answer", Namespace: "depot", Service: "parcels.depot",
		Description: "Nearly all requests are answered.", Objective: 0.995, Window: 28 * 24 * time.Hour,
		Bad: `sum(rate(x{code=~"5.."}[{{.window}}]))`, Total: `sum(rate(x[{{.window}}]))`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("SLO (-want +got):\n%s", diff)
	}
}

func TestParseManyDocuments(t *testing.T) {
	rule := string(read(t, "testdata/good/destinationrule.yaml"))
	slo := string(read(t, "testdata/good/slo.yaml"))
	all := parse(t, "# head\n--- # first\n"+rule+"\n"+slo+"...\n---\r\n"+string(read(t, "testdata/good/virtualservice.yaml")))
	var keys []string
	for _, o := range all {
		keys = append(keys, o.Key())
	}
	want := []string{"DestinationRule depot/parcels", "SLO depot/parcels-answer", "VirtualService depot/parcels"}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

func TestParseBounds(t *testing.T) {
	deep := "a: " + strings.Repeat("[", 200) + strings.Repeat("]", 200)
	var bomb strings.Builder
	bomb.WriteString("a: &a [x,x,x,x,x,x,x,x,x,x]\n")
	for _, c := range "bcdefghij" {
		fmt.Fprintf(&bomb, "%c: &%c [%s*%c]\n", c, c, strings.Repeat("*"+string(c-1)+",", 20), c-1)
	}
	for name, m := range map[string]string{
		"large": strings.Repeat("#\n", config.MaxManifest), "deep": deep, "aliases": bomb.String(),
	} {
		if _, err := config.Parse([]byte(m)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzParse holds that whatever is read can be validated and read again from its
// source, and that nothing panics.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", "testdata/good/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, manifest []byte) {
		objects, err := config.Parse(manifest)
		if err != nil {
			return
		}
		config.Validate(objects, config.World{})
		for _, o := range objects {
			again, err := config.Parse(o.Source)
			if err != nil || len(again) != 1 || again[0].Key() != o.Key() {
				t.Fatalf("%s read from its source: %v", o.Key(), err)
			}
			for _, s := range o.Hosts() {
				edited, err := config.SetWeights(objects, s, map[mesh.Version]uint32{"v1": 1, "v2": 3})
				if err == nil && len(edited) == 0 {
					t.Fatalf("SetWeights(%s) changed nothing", s)
				}
			}
		}
	})
}
