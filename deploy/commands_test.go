package deploy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCommandsOfAPage(t *testing.T) {
	page := strings.Join([]string{
		"Run sightline everywhere. Apply it with `sightline apply -f x.yaml`, and wait.",
		"    A$ (umask 077; sightline token create --uses 3 > x.token)",
		"    B$ set -a; . ./x.env; sightline-proxy run -- python3 x.py   # stays",
		"    $ sightline up",
		"    my-sightline up",
	}, "\n")
	want := []Command{
		{Line: 1, Args: []string{"sightline", "apply", "-f", "x.yaml"}},
		{Line: 2, Args: []string{"sightline", "token", "create", "--uses", "3"}},
		{Line: 3, Args: []string{"sightline-proxy", "run", "--", "python3", "x.py"}},
		{Line: 4, Args: []string{"sightline", "up"}},
	}
	if diff := cmp.Diff(want, pageCommands(page)); diff != "" {
		t.Error(diff)
	}
}

func TestCommandsAreFoundInEveryFile(t *testing.T) {
	all, err := Commands()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, c := range all {
		found[c.File]++
		if c.Args[0] != "sightline" && c.Args[0] != "sightline-proxy" {
			t.Errorf("%s: not a program of ours", c)
		}
	}
	for file, least := range map[string]int{
		"systemd/sightline.service": 1, "systemd/sightline-proxy@.service": 1,
		"container/Containerfile": 2, "examples/two-hosts/README.md": 6,
	} {
		if found[file] < least {
			t.Errorf("%d commands in %s, want at least %d", found[file], file, least)
		}
	}
}

func TestEnvFiles(t *testing.T) {
	files, err := EnvFiles()
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range []string{"orders", "stock"} {
		if got := files["examples/two-hosts/"+service+".env"]["SIGHTLINE_SERVICE"]; got != service {
			t.Errorf("%s.env is of %q", service, got)
		}
	}
}

func TestParseEnv(t *testing.T) {
	got, err := parseEnv("# why\n\nA=1\nB_2=x=y\nC=\n")
	if diff := cmp.Diff(map[string]string{"A": "1", "B_2": "x=y", "C": ""}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	for _, text := range []string{"A", "=1", "a=1", "export A=1", "A=$B", "A='1'", "A=1 2", "A=1\nA=2"} {
		if vars, err := parseEnv(text); err == nil {
			t.Errorf("parseEnv(%q) = %v, want an error", text, vars)
		}
	}
}
