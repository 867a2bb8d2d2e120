package sightline_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// loadtest/fuzz.sh fails where nothing was fuzzed, instead of finding nothing.
func TestFuzzScriptFailsWhereItCannotFuzz(t *testing.T) {
	script, err := os.ReadFile(filepath.Join("loadtest", "fuzz.sh"))
	if err != nil {
		t.Fatal(err)
	}
	const target = "package a\n\nimport \"testing\"\n\nfunc FuzzA(f *testing.F) { f.Fuzz(func(*testing.T, string) {}) }\n"
	for name, c := range map[string]struct {
		test  string // of the package ./a
		asked string
		want  string // in what is said, when it fails; "" is that it does not
	}{
		"a target":          {target, "./a", ""},
		"does not compile":  {target + "nonsense\n", "./a", "FAILED to list the targets of example.org/m/a"},
		"no such package":   {target, "./b", "b"},
		"no target":         {"package a\n", "./a", "FAILED: no fuzz target in ./a"},
		"nothing to test":   {"", "./a", "FAILED: no fuzz target in ./a"},
		"a target's module": {target, "./...", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range map[string]string{
				"go.mod": "module example.org/m\n", "a/a.go": "package a\n", "a/a_test.go": c.test, "loadtest/fuzz.sh": string(script),
			} {
				if text == "" {
					continue
				}
				at := filepath.Join(dir, file)
				if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			out, err := exec.CommandContext(t.Context(), "bash", filepath.Join(dir, "loadtest", "fuzz.sh"), "1x", c.asked).CombinedOutput()
			if failed := err != nil; failed != (c.want != "") || !strings.Contains(string(out), c.want) {
				t.Errorf("%v, want %q in:\n%s", err, c.want, out)
			}
		})
	}
}
