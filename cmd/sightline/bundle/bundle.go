// Package bundle reads manifests from files, directories and standard input as one, and
// tells which line of it is which line of which file.
package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Stdin is what "-" is called in findings.
const Stdin = "<stdin>"

// Bundle is several files in one.
type Bundle struct {
	Text  []byte
	files []file
}

// file is where a file begins.
type file struct {
	name string
	line int // of Text, from 1
}

// Read joins files. "-" is stdin; of a directory it takes every .yaml, .yml and .json
// file, however deep.
func Read(paths []string, stdin io.Reader) (*Bundle, error) {
	m := &Bundle{}
	for _, p := range paths {
		if p == "-" {
			b, err := io.ReadAll(stdin)
			if err != nil {
				return nil, fmt.Errorf("read manifest: %w", err)
			}
			m.add(Stdin, b)
			continue
		}
		found, err := files(p)
		if err != nil {
			return nil, fmt.Errorf("read manifest: %w", err)
		}
		for _, name := range found {
			b, err := os.ReadFile(name)
			if err != nil {
				return nil, fmt.Errorf("read manifest: %w", err)
			}
			m.add(name, b)
		}
	}
	return m, nil
}

// files are a file itself, or the manifests in a directory.
func files(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	var out []string
	err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(name))) {
			out = append(out, name)
		}
		return nil
	})
	if err == nil && len(out) == 0 {
		err = errors.New(path + ": there is no .yaml, .yml or .json file in it")
	}
	return out, err
}

// At is the file and its line that stand at a line of Text; "" for none.
func (m *Bundle) At(line int) (string, int) {
	for _, f := range slices.Backward(m.files) {
		if line >= f.line {
			return f.name, line - f.line + 1
		}
	}
	return "", line
}

// Place turns the lines of findings into those of files.
func (m *Bundle) Place(findings []mesh.Finding) []mesh.Finding {
	for i, f := range findings {
		if f.File == "" && f.Line > 0 {
			findings[i].File, findings[i].Line = m.At(f.Line)
		}
	}
	return findings
}

func (m *Bundle) add(name string, b []byte) {
	m.Text = append(m.Text, "---\n"...)
	m.files = append(m.files, file{name, bytes.Count(m.Text, []byte("\n")) + 1})
	m.Text = append(append(m.Text, b...), '\n')
}
