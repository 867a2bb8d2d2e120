package main

import (
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/deploy"
)

// TestDeployedCommandLines holds every unit, recipe and page that is shipped against
// the flags there are.
func TestDeployedCommandLines(t *testing.T) {
	all, err := deploy.Commands()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for _, token := range []string{"orders.token", "stock.token"} {
		if err := os.WriteFile(token, []byte("slt_x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tried := 0
	for _, line := range all {
		if line.Args[0] != "sightline-proxy" {
			continue
		}
		if len(line.Args) > 1 && line.Args[1] == "restart" {
			if _, _, err := parseRestart(line.Args[2:], func(string) string { return "" }); err != nil {
				t.Errorf("%s: %v", line, err)
			}
			continue
		}
		tried++
		if len(line.Args) < 2 || line.Args[1] != "run" {
			t.Errorf("%s: want the command run", line)
			continue
		}
		// What a line does not say is in an environment file.
		c, err := parse(line.Args[2:], environ(map[string]string{"SIGHTLINE_SERVICE": "orders"}), io.Discard)
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if app := strings.Contains(line.String(), " -- "); app != (len(c.app) > 0) {
			t.Errorf("%s: app %q", line, c.app)
		}
	}
	if tried < 4 {
		t.Errorf("%d command lines, want at least those of the unit, the image and the two hosts", tried)
	}
}

// TestDeployedEnvironment checks that every variable of an example's environment file
// is a flag, and that together they describe a sidecar.
func TestDeployedEnvironment(t *testing.T) {
	files, err := deploy.EnvFiles()
	if err != nil || len(files) < 2 {
		t.Fatalf("%d environment files, %v", len(files), err)
	}
	known := map[string]bool{}
	f := flag.NewFlagSet("", flag.ContinueOnError)
	new(command).define(f)
	f.VisitAll(func(one *flag.Flag) {
		known["SIGHTLINE_"+strings.ToUpper(strings.ReplaceAll(one.Name, "-", "_"))] = true
	})
	for file, vars := range files {
		for name := range vars {
			if !known[name] {
				t.Errorf("%s: %s is no flag of sightline-proxy run", file, name)
			}
		}
		c, err := parse(nil, environ(vars), io.Discard)
		if err != nil || len(c.config.Ports) == 0 || c.config.Inbound == "" {
			t.Errorf("%s describes %+v, %v", file, c.config, err)
		}
	}
}
