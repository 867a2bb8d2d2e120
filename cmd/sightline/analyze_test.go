package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/config"
)

func TestAnalyzeFiles(t *testing.T) {
	want, err := os.ReadFile("testdata/analyze.txt")
	if err != nil {
		t.Fatal(err)
	}
	root, out := newRoot(), &bytes.Buffer{}
	root.SetOut(out)
	root.SetArgs([]string{"analyze", "--offline", "-f", "testdata/analyze"})
	if err := root.Execute(); err != errFound { //nolint:errorlint // the very one
		t.Errorf("%v, want errFound", err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("analyze (-want +got):\n%s", diff)
	}
}

func TestAnalyzeAsData(t *testing.T) {
	for _, output := range []string{"json", "yaml"} {
		root, out := newRoot(), &bytes.Buffer{}
		root.SetOut(out)
		root.SetArgs([]string{"analyze", "--offline", "-f", "testdata/analyze", "-o", output})
		_ = root.Execute()
		if output == "yaml" {
			if !strings.Contains(out.String(), "- code: SL0106\n  file: testdata/analyze/routes.yml\n  line: 10\n") {
				t.Errorf("yaml:\n%s", out)
			}
			continue
		}
		var got findings
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || len(got.Findings) != 6 || len(got.Skipped) != 1 {
			t.Fatalf("%v: %s", err, out)
		}
		if s := got.Skipped[0]; s.Resource != "Deployment default/reviews-v1" || s.File != "testdata/analyze/shop.yaml" || s.Line != 8 {
			t.Errorf("skipped %+v", s)
		}
	}
}

// TestAnalyzeStatus runs the program itself, for what CI sees of it.
func TestAnalyzeStatus(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/config/analyze" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte(`{"findings":[{"code":"SL0104","severity":"warning","resource":"VirtualService default/reviews","path":"spec","message":"x","line":3}]}`))
	}))
	defer api.Close()
	t.Setenv("SIGHTLINE_API_TOKEN", "x")
	clean := filepath.Join(t.TempDir(), "clean.yaml")
	if err := os.WriteFile(clean, []byte("apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a}\nspec: {host: a}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		args []string
		want int
		says string
	}{
		"clean":                       {[]string{"--offline", "-f", clean}, 0, "Nothing found."},
		"errors":                      {[]string{"--offline", "-f", "testdata/analyze"}, 1, "1 error"},
		"only kinds of others":        {[]string{"--offline", "-f", "testdata/analyze/shop.yaml"}, 0, "Nothing found."},
		"warnings do not count":       {[]string{"--server", api.URL, "-f", clean}, 0, clean + ":2: warning SL0104: "},
		"warnings count":              {[]string{"--server", api.URL, "-f", clean, "--fail-on", "warning"}, 1, "1 warning."},
		"what is in force":            {[]string{"--server", api.URL, "--fail-on", "info"}, 1, "1 warning."},
		"no mesh":                     {[]string{"--server", "http://127.0.0.1:1", "-f", clean}, 2, "127.0.0.1:1"},
		"no file":                     {[]string{"--offline", "-f", "testdata/none"}, 2, "testdata/none"},
		"an empty directory":          {[]string{"--offline", "-f", t.TempDir()}, 2, "no .yaml"},
		"offline without a file":      {[]string{"--offline"}, 2, "-f"},
		"a flag that is none":         {[]string{"--ofline"}, 2, "ofline"},
		"a severity that is none":     {[]string{"--offline", "-f", clean, "--fail-on", "fatal"}, 2, "want error, warning, info"},
		"an output that is none":      {[]string{"--offline", "-f", clean, "-o", "xml"}, 2, "xml"},
		"something beside the flags":  {[]string{"--offline", "-f", clean, "more"}, 2, "more"},
		"a manifest that is not YAML": {[]string{"--offline", "-f", "testdata/analyze.txt"}, 1, "testdata/analyze.txt:1: error SL0001"},
	} {
		t.Run(name, func(t *testing.T) {
			p := launch(t, options{}, append([]string{"analyze"}, tt.args...)...)
			if got := p.end(t); got != tt.want || !strings.Contains(p.said(), tt.says) {
				t.Errorf("status %d, want %d and %q; it said:\n%s", got, tt.want, tt.says, p.said())
			}
			if strings.Contains(p.said(), "\x1b") {
				t.Errorf("colours where nobody sees them: %q", p.said())
			}
		})
	}
}

func TestColours(t *testing.T) {
	if got := painted(config.SeverityError, "x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("painted %q", got)
	}
	t.Setenv("NO_COLOR", "1")
	if got := colours(os.Stdout)(config.SeverityError, "x"); got != "x" {
		t.Errorf("with NO_COLOR %q", got)
	}
}
