package deploy

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// directives are those that units here use, and that systemd knows.
var directives = map[string][]string{
	"Unit": {"Description", "Documentation", "Wants", "After"},
	"Service": {
		"User", "StateDirectory", "StateDirectoryMode", "Environment", "EnvironmentFile", "ExecStart",
		"KillMode", "TimeoutStopSec", "Restart", "RestartSec", "LimitNOFILE",
		"NoNewPrivileges", "ProtectSystem", "ProtectHome", "PrivateTmp",
	},
	"Install": {"WantedBy"},
}

func units(t *testing.T) map[string]string {
	t.Helper()
	names, err := fs.Glob(Files, "systemd/*.service")
	if err != nil || len(names) != 2 {
		t.Fatalf("units %v, %v; want two", names, err)
	}
	out := map[string]string{}
	for _, name := range names {
		out[name] = read(t, name)
	}
	return out
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := Files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestUnits(t *testing.T) {
	for name, text := range units(t) {
		u, err := parseUnit(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for section, ds := range u {
			for _, d := range ds {
				if !slices.Contains(directives[section], d.name) {
					t.Errorf("%s:%d: [%s] %s= is not a directive that units here use", name, d.line, section, d.name)
				}
			}
		}
		for _, want := range []struct{ section, name, value string }{
			{"Service", "User", "sightline"}, // never root
			{"Service", "KillMode", "mixed"}, // the program ends what it has started, in order
			{"Service", "NoNewPrivileges", "yes"},
			{"Install", "WantedBy", "multi-user.target"},
		} {
			if d, err := u.get(want.section, want.name); err != nil || d.value != want.value {
				t.Errorf("%s: [%s] %s=%s, %v; want %s", name, want.section, want.name, d.value, err, want.value)
			}
		}
		stateIsKept(t, name, u)
	}
}

// stateIsKept checks that --dir is the directory that systemd makes.
func stateIsKept(t *testing.T, name string, u unit) {
	t.Helper()
	state, err := u.get("Service", "StateDirectory")
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	start, err := u.get("Service", "ExecStart")
	if err != nil || !strings.Contains(start.value+" ", " --dir /var/lib/"+state.value+" ") {
		t.Errorf("%s: %q, %v; want --dir /var/lib/%s", name, start.value, err, state.value)
	}
}

// TestSystemdAcceptsTheUnits asks systemd itself, where it is.
func TestSystemdAcceptsTheUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze here")
	}
	dir := t.TempDir()
	args := []string{"verify"}
	for name, text := range units(t) {
		// The programs are not installed here; any that is will do.
		text = regexp.MustCompile(`/usr/local/bin/sightline\S*`).ReplaceAllString(text, "/bin/true")
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, filepath.Join(dir, strings.ReplaceAll(filepath.Base(name), "@", "@orders")))
	}
	if out, err := exec.CommandContext(t.Context(), analyze, args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %v\n%s", args, err, out)
	}
}

func TestParseUnitRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "no section",
		"A=1":                         "before any section",
		"[Unit\nA=1":                  "line 1",
		"[Unit]\nA":                   "line 2",
		"[Unit]\nA=":                  "line 2",
		"[Unit]\n# why\nA B=1":        "line 3",
		"[Unit]\nExecStart=/bin/x \\": "next line",
	} {
		if u, err := parseUnit(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parseUnit(%q) = %v, %v; want an error with %q", text, u, err, want)
		}
	}
	u, err := parseUnit("[Service]\nExecStart=/a\nExecStart=/b\n")
	if err != nil {
		t.Fatal(err)
	}
	if d, err := u.get("Service", "ExecStart"); err == nil {
		t.Errorf("of two ExecStart %v was taken", d)
	}
}
