package config

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networking "istio.io/api/networking/v1alpha3"
)

func TestReferenceIsFresh(t *testing.T) {
	got, err := os.ReadFile("FIELDS.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(Reference()), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("FIELDS.md is stale; run go generate ./controlplane/config (-want +got):\n%s", diff)
	}
}

// TestReferenceListsEveryField counts the fields of one Go type by another way than the
// reference does.
func TestReferenceListsEveryField(t *testing.T) {
	_, section, _ := strings.Cut(string(Reference()), "## VirtualService\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for field := range reflect.TypeFor[networking.HTTPRoute]().Fields() {
		tag, ok := field.Tag.Lookup("protobuf")
		if !ok {
			continue
		}
		_, name, _ := strings.Cut(tag, "name=")
		name, _, _ = strings.Cut(name, ",")
		if _, json, ok := strings.Cut(tag, "json="); ok {
			name, _, _ = strings.Cut(json, ",")
		}
		if n := strings.Count(section, fmt.Sprintf("| `http[].%s` |", name)); n != 1 {
			t.Errorf("http[].%s is there %d times, want once", name, n)
		}
	}
	if !strings.Contains(string(Reference()), "| `trafficPolicy.proxyProtocol.version` | one of V1, V2 | **refused** |") {
		t.Error("what is below a refused field is not listed as refused")
	}
}

// TestReferenceTellsTheTruth sets each scalar field that the reference lists, alone, and
// looks at whether a manifest is refused for it as not supported.
func TestReferenceTellsTheTruth(t *testing.T) {
	for _, l := range languages() {
		for _, k := range l.kinds {
			read := k.kind()
			for _, name := range read.shape().names() {
				c := checker{supports: read.supports, accepts: func(string, any) string { return "" }}
				c.walk(map[string]any{name: "x"}, read.shape(), place{path: "spec"})
				refused := false
				for _, f := range c.findings {
					refused = refused || strings.HasPrefix(f.Message, "is not supported (value")
				}
				_, section, _ := strings.Cut(string(Reference()), "## "+k.name+"\n")
				_, row, ok := strings.Cut(section, "| `"+name+"` |")
				row, _, _ = strings.Cut(row, "\n")
				if !ok || refused != strings.Contains(row, "| **refused**: ") {
					t.Errorf("%s: %s: refused %v, the reference says %q", k.name, name, refused, row)
				}
			}
		}
	}
}
