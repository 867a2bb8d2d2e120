package proxy

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

func TestSlotsAreTakenInTurn(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	c := Config{Service: "cart", Version: "v1", Namespace: "default"}
	first, err := takeSlot(c)
	if err != nil {
		t.Fatal(err)
	}
	second, err := takeSlot(c)
	if err != nil {
		t.Fatal(err)
	}
	defer second.release()
	if first.dir == second.dir || first.instance == second.instance {
		t.Errorf("two copies share %s and %s", first.dir, first.instance)
	}
	if !strings.HasPrefix(first.instance, "cart-v1-") {
		t.Errorf("instance %q, want it named after service and version", first.instance)
	}
	first.release()
	again, err := takeSlot(c)
	if err != nil {
		t.Fatal(err)
	}
	defer again.release()
	if again.dir != first.dir || again.instance != first.instance {
		t.Errorf("started again as %s in %s, want %s in %s", again.instance, again.dir, first.instance, first.dir)
	}
}

func TestGivenDirectoryIsForOne(t *testing.T) {
	c := Config{Service: "cart", Dir: filepath.Join(t.TempDir(), "state"), Instance: "cart-7"}
	s, err := takeSlot(c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.release()
	if s.instance != "cart-7" {
		t.Errorf("instance %q, want the one asked for", s.instance)
	}
	if _, err := takeSlot(c); !errors.Is(err, errBusy) {
		t.Errorf("a second sidecar in the same directory: %v, want it refused", err)
	}
}
