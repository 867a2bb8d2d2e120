package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// rival edits the VirtualService reviews of a shop to 4 s; while it is in the editor for the
// first time, somebody else makes it 3 s, or deletes it. What the editor does later is
// given as a script, with the file as $1. The answer is that to every question.
type rival struct {
	meanwhile, later string
	answer           bool
}

// edit is what the command says and its error; seen is what the editor was shown last.
func (r rival) edit(t *testing.T, s shop) (out, seen string, err error) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	put := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if _, err := s.run(t, oneVersion+"---\n"+toV1, "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	other := put("other.yaml", strings.Replace(toV1, "2s", "3s", 1), 0o600)
	again := filepath.Join(dir, "again")
	shown := filepath.Join(dir, "shown")
	t.Setenv("VISUAL", put("editor", "#!/bin/sh\ncp \"$1\" "+shown+"\nif [ -e "+again+" ]; then\n"+r.later+"\nexit\nfi\n: > "+again+"\nsed -i 's/2s/4s/' \"$1\"\n"+
		"SIGHTLINE_TEST_MAIN=1 "+os.Args[0]+" --server "+s.server+" --dir "+s.dir+" "+strings.ReplaceAll(r.meanwhile, "OTHER", other)+" > /dev/null\n", 0o700))
	root := newRoot()
	var said strings.Builder
	root.SetOut(&said)
	root.SetErr(&said)
	root.SetArgs([]string{"--server", s.server, "--dir", s.dir, "look"})
	root.AddCommand(&cobra.Command{Use: "look", RunE: func(c *cobra.Command, _ []string) error {
		g := &globals{server: s.server, dir: s.dir, output: "text"}
		was, err := stored(c, g, mesh.Resource{Kind: "VirtualService", Namespace: "default", Name: "reviews"})
		if err != nil {
			return err
		}
		return edit(c, g, was, func(*cobra.Command, string) bool { return r.answer })
	}})
	err = root.ExecuteContext(t.Context())
	b, readErr := os.ReadFile(shown)
	if readErr != nil {
		t.Fatal(readErr)
	}
	return said.String(), string(b), err
}

// keptText is what the file holds that a person was told of.
func keptText(t *testing.T, said string) string {
	t.Helper()
	file := regexp.MustCompile(`written is in ([^\s:]+)`).FindStringSubmatch(said)
	if file == nil {
		t.Fatalf("no file is named in %s", said)
	}
	b, err := os.ReadFile(file[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestAnEditOverwritesNobody: who saved first is not lost, and neither is what the other
// wrote.
func TestAnEditOverwritesNobody(t *testing.T) {
	s := openShop(t)
	_, _, err := rival{meanwhile: "apply -f OTHER"}.edit(t, s)
	if err == nil || !strings.Contains(err.Error(), "by now") || !strings.Contains(err.Error(), "sightline diff -f") {
		t.Fatalf("edit: %v, want a conflict that says what to do", err)
	}
	if kept := keptText(t, err.Error()); !strings.Contains(kept, "timeout: 4s") || strings.Contains(kept, remark) {
		t.Errorf("kept is %s; want what was written", kept)
	}
	if now, err := s.run(t, "", "get", "vs", "reviews"); err != nil || !strings.Contains(now, "timeout: 3s") {
		t.Errorf("there is %s, %v; want what was applied meanwhile", now, err)
	}
}

// TestAConflictIsEditedAgain with what the other did on top of what was written.
func TestAConflictIsEditedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		later string
		now   string // what is there in the end
		kept  bool
	}{
		"both":     {`sed -i 's/4s/5s/' "$1"`, "timeout: 5s", false},
		"mine":     {`sed -i '/^#!/d' "$1"`, "timeout: 4s", false},
		"theirs":   {"true", "timeout: 3s", true},
		"nothing":  {`: > "$1"`, "timeout: 3s", true},
		"failing":  {`sed -i 's/4s/6s/' "$1"; exit 3`, "timeout: 3s", true},
		"a stroke": {"exit 3", "timeout: 3s", true}, // of the editor, with nothing saved
	} {
		s := openShop(t)
		out, seen, err := rival{meanwhile: "apply -f OTHER", later: c.later, answer: true}.edit(t, s)
		for _, want := range []string{"was changed by token at", "#!   -  - timeout: 2s\n#!   +  - timeout: 3s\n", "\n  - timeout: 4s\n"} {
			if !strings.Contains(seen, want) {
				t.Errorf("%s: the editor shows\n%s\nwhich lacks %q", name, seen, want)
			}
		}
		if err == nil == c.kept {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			out += err.Error()
		}
		if c.kept && !strings.Contains(keptText(t, out), "timeout: ") {
			t.Errorf("%s: what was written is not kept: %s", name, out)
		}
		if now, err := s.run(t, "", "get", "vs", "reviews"); err != nil || !strings.Contains(now, c.now) || strings.Contains(now, remark) {
			t.Errorf("%s: there is\n%s%v, want %s", name, now, err, c.now)
		}
	}
}

// TestAnEditOfWhatIsDeletedMeanwhile does not bring it back, and loses nothing.
func TestAnEditOfWhatIsDeletedMeanwhile(t *testing.T) {
	s := openShop(t)
	_, _, err := rival{meanwhile: "delete vs reviews", answer: true}.edit(t, s)
	if err == nil || errors.Is(err, errFound) || !strings.Contains(err.Error(), "it was deleted") {
		t.Fatalf("edit: %v, want to be told that it was deleted", err)
	}
	if kept := keptText(t, err.Error()); !strings.Contains(kept, "timeout: 4s") {
		t.Errorf("kept is %s; want what was written", kept)
	}
}
