package route

import (
	"errors"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestStreamsTakeTheRouteThatAsksNothing(t *testing.T) {
	to := func(subset string) []mesh.Destination {
		return []mesh.Destination{{Service: "db", Subset: subset, Weight: 1}}
	}
	conditional := mesh.Route{Name: "canary", Matches: []mesh.Match{{Path: &mesh.StringMatch{Prefix: "/"}}}, Destinations: to("v2")}
	for name, c := range map[string]struct {
		routes []mesh.Route
		want   string // name and subset
	}{
		"no routes":        {nil, "default "},
		"only conditional": {[]mesh.Route{conditional}, "default "},
		"one for the rest": {[]mesh.Route{conditional, {Name: "rest", Destinations: to("v1")}, {Name: "never", Destinations: to("v2")}}, "rest v1"},
	} {
		table, err := Compile([]mesh.Snapshot{{
			Service: "db", Known: true, Version: 7, Routes: c.routes,
			Subsets: []mesh.Subset{{Name: "v1"}, {Name: "v2"}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := table.Stream("db", Stream{})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Name + " " + r.Destinations()[0].Subset; got != c.want || r.ConfigVersion != 7 || r.Timeout != 0 || r.Retry.Attempts == 0 {
			t.Errorf("%s: %q of %+v, want %q", name, got, r, c.want)
		}
		if _, err := table.Stream("nobody", Stream{}); !errors.Is(err, ErrUnknownService) {
			t.Errorf("unknown: %v", err)
		}
	}
}

func TestAppIsWhatAllInstancesSayAlike(t *testing.T) {
	i := func(p mesh.AppProtocol, port uint16) mesh.Instance {
		return mesh.Instance{AppProtocol: p, AppPort: port}
	}
	for _, c := range []struct {
		instances []mesh.Instance
		want      App
	}{
		{nil, App{}},
		{[]mesh.Instance{i(mesh.TCP, 5432)}, App{mesh.TCP, 5432}},
		{[]mesh.Instance{i(mesh.TCP, 5432), i(mesh.TCP, 5433)}, App{mesh.TCP, 0}},
		{[]mesh.Instance{i("", 5432), i(mesh.TCP, 5432)}, App{"", 5432}},
	} {
		table, err := Compile([]mesh.Snapshot{{Service: "db", Known: true, Instances: c.instances}})
		if err != nil {
			t.Fatal(err)
		}
		if got := table.App("db", 0); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.instances, got, c.want)
		}
	}
}
