// Package sightline_test holds the rules of the repository that are about all of it:
// which component may import which, and that every package says what it is.
package sightline_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sightline-mesh/sightline/"

// mayImport lists, for each component, the packages of other components that it may
// use. Inside a component there is no rule; cmd and loadtest join everything.
var mayImport = map[string][]string{
	"proxy":        {"controlplane/mesh", "controlplane/identity", "controlplane/push", "collector/signal"},
	"collector":    {"controlplane/mesh"},
	"topology":     {"controlplane/mesh", "collector/signal"},
	"ui":           {"controlplane/mesh", "collector/signal", "topology/graph", "topology/anomaly"},
	"controlplane": {},
}

// testsMayImport lists what tests of every component may use besides: it finds ports that
// stay free until a program that the test starts listens on them.
var testsMayImport = []string{"loadtest/freeport"}

// kept lists dependencies that stop at one place, with the reason.
var kept = []struct{ dependency, only, why string }{
	{"github.com/gin-gonic/gin", "ui", "the API is the only thing that speaks gin"},
	{"github.com/ClickHouse/clickhouse-go/v2", "collector", "SQL belongs to the collector"},
	{"go.etcd.io/etcd/client/v3", "controlplane", "state belongs to the control plane"},
	{"github.com/prometheus/prometheus", "collector", "the query engine belongs to the collector"},
}

type pkg struct {
	ImportPath, Doc                    string
	Imports, TestImports, XTestImports []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Doc,Imports,TestImports,XTestImports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func component(importPath string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(importPath, module), "/")
	return first
}

func TestImportDirection(t *testing.T) {
	for _, p := range packages(t) {
		from := component(p.ImportPath)
		allowed, ruled := mayImport[from]
		if !ruled {
			continue
		}
		check := func(imports, allowed []string) {
			for _, to := range imports {
				own, inside := strings.CutPrefix(to, module)
				if inside && component(to) != from && !slices.Contains(allowed, own) {
					t.Errorf("%s must not import %s", p.ImportPath, to)
				}
			}
		}
		check(p.Imports, allowed)
		check(slices.Concat(p.TestImports, p.XTestImports), slices.Concat(allowed, testsMayImport))
	}
}

func TestDependenciesStayInTheirPlace(t *testing.T) {
	for _, p := range packages(t) {
		for _, k := range kept {
			from := component(p.ImportPath)
			uses := slices.ContainsFunc(p.Imports, func(i string) bool {
				return i == k.dependency || strings.HasPrefix(i, k.dependency+"/")
			})
			if uses && from != k.only && from != "loadtest" {
				t.Errorf("%s must not import %s: %s", p.ImportPath, k.dependency, k.why)
			}
		}
	}
}

func TestVocabularyIsALeaf(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if name != "controlplane/mesh" && name != "collector/signal" {
			continue
		}
		for _, i := range p.Imports {
			if first, _, _ := strings.Cut(i, "/"); strings.Contains(first, ".") {
				t.Errorf("%s imports %s: a vocabulary imports the standard library only", name, i)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath+"/" == module {
			continue // only tests live at the root
		}
		want := "Package " + path.Base(p.ImportPath) + " "
		if !strings.HasPrefix(p.Doc, want) && !strings.HasPrefix(p.Doc, "Command ") {
			t.Errorf("%s: package doc %q, want it to begin %q", p.ImportPath, p.Doc, want)
		}
	}
}
