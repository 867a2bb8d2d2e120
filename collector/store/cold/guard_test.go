package cold

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/store/engine"
)

// refusing notes what it is asked, and fails.
type refusing struct{ asked []string }

func (r *refusing) Query(_ context.Context, s engine.Statement) (*engine.Rows, error) {
	r.asked = append(r.asked, s.SQL)
	return nil, errors.New("not now")
}

// Moves are stopped as long as the disk is away, and started once it is not; what fails is
// tried again.
func TestGuard(t *testing.T) {
	_, path := used(t)
	mark := filepath.Join(path, markName)
	var e refusing
	var text bytes.Buffer
	g := guard{disk: &Disk{Config: Config{Path: path}}, engine: &e, log: slog.New(slog.NewTextHandler(&text, nil))}
	g.once(t.Context())
	if len(e.asked) > 0 {
		t.Errorf("there, it asked for %v", e.asked)
	}
	if err := os.Remove(mark); err != nil {
		t.Fatal(err)
	}
	if g.once(t.Context()); g.stopped {
		t.Error("moves are stopped though the engine refused")
	}
	g.stopped = true
	g.once(t.Context())
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if g.once(t.Context()); !g.stopped {
		t.Error("moves go on though the engine refused")
	}
	if diff := cmp.Diff([]string{"SYSTEM STOP MOVES", "SYSTEM STOP MOVES", "SYSTEM START MOVES"}, e.asked); diff != "" {
		t.Error(diff)
	}
	if n := strings.Count(text.String(), "not now"); n != 3 {
		t.Errorf("told %s", text.String())
	}
}
