// Package damage finds parts of tables whose files are not what was written any more, as a
// failing disk leaves them, and has the engine set them aside, so that everything else
// answers.
//
// What the engine notices when it starts, it sets aside itself. Damage in the midst of a
// file is noticed by who reads it: every statement that meets it fails, and so does every
// merge, for ever, each after seconds of processor time in which the engine tries which bit
// has turned. Here such failures are looked into: the part is checked whole, and if its
// files are at fault it goes to its table's detached directory under a name that begins with
// "broken_", where it is kept for a person to look at. Its rows are not in answers from then
// on, which the log says and system.detached_parts shows.
package damage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/collector/store/engine"
)

// lookEvery is how often it is asked for failures that no statement was told of: those of
// merges.
const lookEvery = 10 * time.Second

// Engine runs statements. *engine.Engine is one.
type Engine interface {
	Query(ctx context.Context, s engine.Statement) (*engine.Rows, error)
}

// Watch looks for damage. Use New; run Run.
type Watch struct {
	// Cold says whether the cold disk is not there: what its parts lack then is no damage.
	// Nil is no such disk. To be set before Run.
	Cold func() error

	engine Engine
	log    *slog.Logger
	met    chan string
	counts map[string]string // of the engine's errors, by name, as last seen
}

// New makes a Watch; it does nothing before Run.
func New(e Engine, log *slog.Logger) *Watch {
	return &Watch{engine: e, log: log, met: make(chan string, 8), counts: map[string]string{}}
}

// Met is told of each exception that a statement ended with. It never blocks: what is not
// looked into now will be met again.
func (w *Watch) Met(e *engine.Error) {
	if !blames(e.Code) {
		return
	}
	select {
	case w.met <- e.Text:
	default:
	}
}

// Run tells of what the engine set aside as it started, and looks into failures until ctx
// ends.
func (w *Watch) Run(ctx context.Context) {
	w.try(ctx, w.tell)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case text := <-w.met:
			w.try(ctx, func(ctx context.Context) error { return w.look(ctx, text) })
		case <-tick.C:
			w.try(ctx, w.ask)
		}
	}
}

func (w *Watch) try(ctx context.Context, do func(context.Context) error) {
	if err := do(ctx); err != nil && ctx.Err() == nil {
		w.log.WarnContext(ctx, "the store could not be looked over for damaged parts", "error", err)
	}
}

// tell says what is set aside already.
func (w *Watch) tell(ctx context.Context) error {
	parts, err := engine.Texts(ctx, w.engine, setAside, nil)
	for _, p := range parts {
		w.log.ErrorContext(ctx, "a damaged part is set aside, and what it held may be missing from answers", "table", p[0], "part", p[1], "reason", p[2], "bytes", p[3], "path", p[4])
	}
	return errors.Join(err, w.count(ctx, nil))
}

// ask looks into the failures of merges.
func (w *Watch) ask(ctx context.Context) error {
	var found []string
	if err := w.count(ctx, &found); err != nil || len(found) == 0 {
		return err
	}
	var bad []error
	for _, text := range found {
		bad = append(bad, w.look(ctx, text))
	}
	return errors.Join(append(bad, w.count(ctx, nil))...) // checking a part counts too
}

// count notes how often each error has been, and gives the last texts of those that have
// been since it was last noted.
func (w *Watch) count(ctx context.Context, since *[]string) error {
	all, err := engine.Texts(ctx, w.engine, failures, nil)
	for _, f := range all {
		if since != nil && w.counts[f[0]] != f[1] && blames(number(f[2])) {
			*since = append(*since, f[3])
		}
		w.counts[f[0]] = f[1]
	}
	return err
}

// look checks the parts that a failure names, and sets those aside that are damaged.
func (w *Watch) look(ctx context.Context, failure string) error {
	parts, err := engine.Texts(ctx, w.engine, partsNamed, map[string]string{"text": plain(failure)})
	if err != nil {
		return err
	}
	for _, p := range parts {
		if p[5] == engine.ColdVolume && w.Cold != nil {
			if err := w.Cold(); err != nil {
				return fmt.Errorf("a statement failed over part %s of %s: %w", p[2], p[1], err)
			}
		}
		if err := w.check(ctx, part{database: p[0], table: p[1], name: p[2], rows: p[3], bytes: p[4]}); err != nil {
			return err
		}
	}
	return nil
}

// part is one of a table's active parts.
type part struct{ database, table, name, rows, bytes string }

func (p part) of() string { return quoted(p.database) + "." + quoted(p.table) }

// check reads the whole part, and sets it aside if it is damaged.
func (w *Watch) check(ctx context.Context, p part) error {
	found, err := engine.Texts(ctx, w.engine, "CHECK TABLE "+p.of()+" PART '"+p.name+"' SETTINGS check_query_single_value_result = 0", nil)
	fault := ""
	if e, ok := errors.AsType[*engine.Error](err); ok {
		fault = e.Text
	} else if err != nil {
		return fmt.Errorf("check part %s of %s: %w", p.name, p.table, err)
	}
	for _, f := range found {
		if f[1] != "1" {
			fault = f[2]
		}
	}
	if fault == "" || !blames(codeOf(fault)) {
		return nil // sound, or gone, or what failed is something else
	}
	if _, err := engine.Texts(ctx, w.engine, "ALTER TABLE "+p.of()+" DETACH PART '"+p.name+"'", nil); err != nil {
		return fmt.Errorf("set aside damaged part %s of %s: %w", p.name, p.table, err)
	}
	path, err := w.mark(ctx, p)
	w.log.ErrorContext(ctx, "a part of the store is damaged and was set aside: what it held is not in answers any more",
		"table", p.table, "part", p.name, "rows", p.rows, "bytes", p.bytes, "path", path, "error", fault)
	return err
}

// mark gives the detached part the name by which the engine knows one that is broken.
func (w *Watch) mark(ctx context.Context, p part) (string, error) {
	found, err := engine.Texts(ctx, w.engine, whereDetached, map[string]string{"database": p.database, "table": p.table, "name": p.name})
	if err != nil || len(found) == 0 {
		return "", err
	}
	from := strings.TrimSuffix(found[0][0], "/")
	to := filepath.Join(filepath.Dir(from), "broken_"+filepath.Base(from))
	if err := os.Rename(from, to); err != nil {
		return from, fmt.Errorf("mark damaged part %s of %s: %w", p.name, p.table, err)
	}
	return to, nil
}
