package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

var signInLink = regexp.MustCompile(`sign in once: (\S+)`)

// TestBrowser drives the web app in a real browser against a mesh with real traffic
// and a fault. Screenshots of every page are left in loadtest/artefacts.
func TestBrowser(t *testing.T) {
	m := startDemo(t, "--rps", "40", "--fault", "errors@payments:v2,at=5s,for=20s")
	link := signInLink.FindStringSubmatch(m.said())
	if link == nil {
		t.Fatalf("no sign-in link in\n%s", m.said())
	}
	shots, err := filepath.Abs(filepath.Join("..", "artefacts", "screenshots"))
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "npm", "--prefix", filepath.Join("..", "..", "ui", "web"), "run", "test:browser")
	c.Env = append(os.Environ(), "SIGHTLINE_URL="+m.url, "SIGHTLINE_SIGNIN="+link[1],
		"SIGHTLINE_FAULT=payments:v2", "SIGHTLINE_SHOTS="+shots)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("browser tests: %v\n%s", err, out)
	}
	t.Logf("%s", out)
}
