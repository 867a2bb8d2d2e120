package main

import (
	"io/fs"
	"path"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/deploy"
)

// TestDeployedCommandLines holds every unit, recipe and page that is shipped against
// the commands there are.
func TestDeployedCommandLines(t *testing.T) {
	all, err := deploy.Commands()
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, line := range all {
		if line.Args[0] != "sightline" {
			continue
		}
		tried++
		root := newRoot()
		c, rest, err := root.Find(line.Args[1:])
		if err != nil || c == root || !c.Runnable() {
			t.Errorf("%s: no such command (%v)", line, err)
			continue
		}
		if err := c.ParseFlags(rest); err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if err := c.ValidateArgs(c.Flags().Args()); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if err := c.ValidateRequiredFlags(); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if tried < 5 {
		t.Errorf("%d command lines, want at least those of the unit, the image and the two hosts", tried)
	}
}

// TestDeployedManifests checks that every example is taken, in the world that its
// environment files describe where it has any.
func TestDeployedManifests(t *testing.T) {
	names, err := fs.Glob(deploy.Files, "examples/*/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("manifests %v, %v", names, err)
	}
	top, err := fs.Glob(deploy.Files, "examples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, top...) {
		b, err := fs.ReadFile(deploy.Files, name)
		if err != nil {
			t.Fatal(err)
		}
		objects, err := config.Parse(b)
		if err != nil || len(objects) == 0 {
			t.Errorf("%s: %d objects, %v", name, len(objects), err)
			continue
		}
		for _, f := range config.Validate(objects, world(t, path.Dir(name))) {
			if f.Severity == "error" || path.Base(name) == "traffic.yaml" {
				t.Errorf("%s: %s", name, config.Line(f))
			}
		}
	}
}

// world is what runs when an example's environment files are used.
func world(t *testing.T, dir string) config.World {
	t.Helper()
	files, err := deploy.EnvFiles()
	if err != nil {
		t.Fatal(err)
	}
	var running []mesh.Instance
	for name, vars := range files {
		if path.Dir(name) == dir {
			version := vars["SIGHTLINE_VERSION"]
			running = append(running, mesh.Instance{
				Service: mesh.ServiceName(vars["SIGHTLINE_SERVICE"]), Version: mesh.Version(version),
				Labels: map[string]string{"version": version},
			})
		}
	}
	return config.NewWorld(running)
}
