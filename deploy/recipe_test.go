package deploy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const containerfile = "container/Containerfile"

// root is the top of the repository, which recipes are built in.
const root = ".."

// TestRecipe holds the recipe against the repository: everything it copies, builds and
// runs has to be there.
func TestRecipe(t *testing.T) {
	stages, err := parseRecipe(read(t, containerfile))
	if err != nil {
		t.Fatal(err)
	}
	r := &recipe{T: t, stages: map[string]stage{}}
	for _, s := range stages {
		r.base(s)
		r.stages[s.name] = s
		for _, i := range s.instructions {
			switch i.name {
			case "COPY":
				r.copies(s, i)
			case "RUN":
				r.runs(i)
			}
		}
	}
	for _, image := range []string{"sightline", "sightline-proxy"} {
		r.image(image)
	}
}

type recipe struct {
	*testing.T
	stages map[string]stage // that stand before the one looked at
}

// base checks that a stage stands on an earlier one, or on an image by its full name,
// and that Go is as new as the module wants it.
func (r *recipe) base(s stage) {
	if version, ok := strings.CutPrefix(s.from, "docker.io/library/golang:"); ok {
		mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
		if err != nil || !regexp.MustCompile(`(?m)^go `+regexp.QuoteMeta(version)+`(\.|$)`).Match(mod) {
			r.Errorf("go.mod wants another Go than %s (%v)", s.from, err)
		}
	}
	if _, known := r.stages[s.from]; !known && s.from != "scratch" && !strings.HasPrefix(s.from, "docker.io/") {
		r.Errorf("stage %s stands on %s, which is neither a stage before it nor the full name of an image", s.name, s.from)
	}
}

// copies checks that each source exists: in the repository and not kept out of builds,
// or in the stage that is copied from.
func (r *recipe) copies(s stage, i instruction) {
	if len(i.args) < 2 {
		r.Errorf("%s:%d: COPY wants sources and a destination", containerfile, i.line)
		return
	}
	sources := i.args[:len(i.args)-1]
	if from, ok := i.flags["from"]; ok {
		other, known := r.stages[from]
		if !known {
			r.Errorf("%s:%d: copies from %q, which is no stage before %s", containerfile, i.line, from, s.name)
		}
		for _, source := range sources {
			if !makes(other, source) {
				r.Errorf("%s:%d: nothing in stage %s makes %s", containerfile, i.line, from, source)
			}
		}
		return
	}
	for _, source := range sources {
		if _, err := os.Stat(filepath.Join(root, source)); err != nil {
			r.Errorf("%s:%d: %v", containerfile, i.line, err)
		}
		for _, out := range ignored(r.T) {
			if source == out || strings.HasPrefix(source, out+"/") {
				r.Errorf("%s:%d: %s is kept out by the ignore file", containerfile, i.line, source)
			}
		}
	}
}

// makes reports whether a stage has a file that another one copies: programs are named
// by ./cmd, the rest by what is known to make it.
func makes(s stage, file string) bool {
	var ran []string
	for _, i := range s.instructions {
		if i.name == "RUN" {
			ran = append(ran, strings.Join(i.args, " "))
		}
	}
	did := func(what string) bool {
		return slices.ContainsFunc(ran, func(r string) bool { return strings.Contains(r, what) })
	}
	switch dir, base := filepath.Split(file); {
	case dir == "/out/" && did("mkdir "+file):
		return true
	case dir == "/out/":
		_, err := os.Stat(filepath.Join(root, "cmd", base, "main.go"))
		return err == nil && did("-o /out/ ./cmd/...")
	case file == "/src/ui/web/dist":
		return did("npm run build")
	default:
		return strings.HasPrefix(file, "/engine/node_modules/@chdb/lib-linux-x64-gnu/") && did("npm ci")
	}
}

// runs checks that packages and scripts that are built exist.
func (r *recipe) runs(i instruction) {
	switch line := strings.Join(i.args, " "); {
	case strings.Contains(line, "go build"):
		for _, arg := range i.args {
			if dir, ok := strings.CutPrefix(arg, "./"); ok {
				if _, err := os.Stat(filepath.Join(root, strings.TrimSuffix(dir, "/..."))); err != nil {
					r.Errorf("%s:%d: %v", containerfile, i.line, err)
				}
			}
		}
	case strings.HasPrefix(line, "npm run "):
		var p struct{ Scripts map[string]string }
		b, err := os.ReadFile(filepath.Join(root, "ui/web/package.json"))
		if err == nil {
			err = json.Unmarshal(b, &p)
		}
		if script := i.args[2]; err != nil || p.Scripts[script] == "" {
			r.Errorf("%s:%d: no script %q (%v)", containerfile, i.line, script, err)
		}
	}
}

// image checks what every image that people run has: a user that is not root, a volume
// for its state that this user owns, and a program that was copied into it.
func (r *recipe) image(name string) {
	s, ok := r.stages[name]
	if !ok {
		r.Errorf("no stage %s", name)
		return
	}
	has := func(name, want string) bool {
		return slices.ContainsFunc(s.instructions, func(i instruction) bool {
			return i.name == name && strings.Contains(strings.Join(i.args, " "), want)
		})
	}
	args, _ := s.command()
	if len(args) == 0 || !has("COPY", " "+args[0]) {
		r.Errorf("%s runs %q, which is not copied into it", name, args)
	}
	if !has("USER", "65532") || !has("VOLUME", "/var/lib/sightline") || !has("ENV", "XDG_STATE_HOME=/var/lib") {
		r.Errorf("%s: want USER 65532, and state in the volume /var/lib/sightline", name)
	}
}

// ignored are the paths that the ignore file keeps out of builds.
func ignored(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, line := range lines(read(t, containerfile+".dockerignore")) {
		if line != "" && line[0] != '#' && !strings.Contains(line, "*") {
			out = append(out, line)
		}
	}
	return out
}

func TestParseRecipeRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "no FROM",
		"RUN x":                          "before any FROM",
		"FROM scratch":                   "AS stage",
		"FROM scratch AS a\nADD x y":     "line 2",
		"FROM scratch AS a\nCMD up":      "JSON form",
		"FROM scratch AS a\nRUN x && \\": "next line",
		"FROM scratch AS a\nUSER":        "of nothing",
	} {
		if s, err := parseRecipe(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parseRecipe(%q) = %v, %v; want an error with %q", text, s, err, want)
		}
	}
}
