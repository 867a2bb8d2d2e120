package config_test

import (
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/config"
)

func TestValidateHedge(t *testing.T) {
	hedge := func(name, spec string) string {
		return "---\napiVersion: sightline.dev/v1alpha1\nkind: Hedge\nmetadata: {name: " + name + "}\nspec: {" + spec + "}\n"
	}
	manifest := hedge("a", "service: parcels, after: 50ms") + hedge("b", "service: parcels, percentile: 95, max: 200ms") +
		hedge("c", "service: train, percentile: 99.9, grpc: [shop.Catalog/Get, shop.Catalog/List*]")
	var lines []string
	for _, f := range config.Validate(parse(t, manifest), world()) {
		lines = append(lines, f.Severity+" "+config.Line(f))
	}
	want := `error Hedge default/b: spec.service: "parcels" already has Hedge default/a; keep one of them
warning Hedge default/c: spec.service: no service "train" has joined yet`
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
