package bundle_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/cmd/sightline/bundle"
)

func TestLinesAreThoseOfTheFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"b.yml": "b1\nb2", "a/a.yaml": "a1\na2\na3\n", "c.txt": "no"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := bundle.Read([]string{dir, "-"}, strings.NewReader("s1\ns2\n"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for i, text := range strings.Split(string(b.Text), "\n") {
		if text == "" || text == "---" {
			continue
		}
		seen++
		want := map[byte]string{'a': filepath.Join(dir, "a/a.yaml"), 'b': filepath.Join(dir, "b.yml"), 's': bundle.Stdin}[text[0]]
		if file, line := b.At(i + 1); file != want || line != int(text[1]-'0') {
			t.Errorf("%s is at %s:%d, want %s", text, file, line, want)
		}
	}
	if seen != 7 {
		t.Errorf("%d lines in\n%s", seen, b.Text)
	}
}
