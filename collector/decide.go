package collector

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"time"

	"github.com/sightline-mesh/sightline/collector/exporter"
	"github.com/sightline-mesh/sightline/collector/tail"
)

// newTail is what decides about traces, nil where all are kept. c is valid.
func newTail(c Config) (*tail.Tail, error) {
	if c.TraceBudget == 0 {
		return nil, nil //nolint:nilnil // nothing decides
	}
	t, err := tail.New(tail.Config{Dir: filepath.Join(c.Dir, "evidence"), Budget: c.TraceBudget})
	if err != nil {
		return nil, fmt.Errorf("decide about traces: %w", err)
	}
	return t, nil
}

// decisions are those of t, if there is one.
func decisions(t *tail.Tail, wait time.Duration) exporter.Decisions {
	if t == nil {
		return exporter.Decisions{}
	}
	return exporter.Decisions{Sieve: exporter.NewSieve(t), Wait: wait}
}

// LeftOut reports whether a trace, 32 hex digits, was left out as an ordinary one within the
// last minutes, and which share of those of its time was kept.
func (c *Collector) LeftOut(trace string) (share float64, ok bool) {
	var id tail.TraceID
	if n, err := hex.Decode(id[:], []byte(trace[:min(len(trace), 2*len(id))])); c.tail == nil || err != nil || n < len(id) {
		return 0, false
	}
	return c.tail.LeftOut(id)
}

// Decisions counts what was decided about traces, where anything is.
func (c *Collector) Decisions() (stats tail.Stats, on bool) {
	if c.tail == nil {
		return tail.Stats{}, false
	}
	return c.tail.Stats(), true
}
