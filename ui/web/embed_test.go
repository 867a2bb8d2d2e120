package web

import (
	"io/fs"
	"strings"
	"testing"
)

func TestOnlyTheAppIsEmbedded(t *testing.T) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "dist" && e.Name() != "placeholder" {
			t.Errorf("%s is embedded too: rename it or the pattern", e.Name())
		}
	}
}

func TestAppAlwaysHasAPage(t *testing.T) {
	b, err := fs.ReadFile(App(), "index.html")
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	if strings.Contains(page, "<script>") || strings.Contains(page, " style=") {
		t.Error("the page has inline script or style, which the content policy forbids")
	}
	if Built() == strings.Contains(page, "was built without its web app") {
		t.Errorf("Built() = %v does not fit the page", Built())
	}
}
