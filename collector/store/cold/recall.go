package cold

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/collector/store/engine"
)

var (
	//go:embed sql/lies_there.sql
	liesThere string
	//go:embed sql/goes_there.sql
	goesThere string
	//go:embed sql/left_there.sql
	leftThere string
)

// recallEvery is how often what lies on the disk is asked for.
const recallEvery = 5 * time.Second

// Engine runs statements. *engine.Engine is one.
type Engine interface {
	Query(ctx context.Context, s engine.Statement) (*engine.Rows, error)
}

// Recall brings back all that lies on a disk that nobody wants any more, and writes down when
// nothing does. What it cannot bring back stays readable; it tells of it and tries again,
// until ctx ends.
func (d *Disk) Recall(ctx context.Context, e Engine, log *slog.Logger) {
	log.InfoContext(ctx, "old days of the store are brought back from its cold disk, which nobody asks for any more", "disk", d.Place())
	tick := time.NewTicker(recallEvery)
	defer tick.Stop()
	said := ""
	for {
		done, err := recall(ctx, e)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && err.Error() != said:
			said = err.Error()
			log.WarnContext(ctx, "old days of the store stay on its cold disk", "disk", d.Place(), "error", err)
		case done:
			if err := d.Left(); err != nil {
				log.ErrorContext(ctx, "the cold disk could not be given up", "error", err)
				return
			}
			log.InfoContext(ctx, "nothing of the store lies on its cold disk any more, and the next start is without it", "disk", d.Place())
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// recall moves what lies on the disk. It is done when nothing did, and no table sends
// anything there. What one that does has there stays: it would go back at once.
func recall(ctx context.Context, e Engine) (done bool, err error) {
	sending, err := rows(ctx, e, goesThere)
	if err != nil {
		return false, err
	}
	parts, err := rows(ctx, e, liesThere)
	if err != nil {
		return false, err
	}
	if len(parts) == 0 && len(sending) == 0 {
		return nothingLeft(ctx, e)
	}
	var bad []error
	for _, t := range sending {
		bad = append(bad, fmt.Errorf("%s sends its old days there until a collector without a storage policy has changed it", t[1]))
	}
	failed := 0
	for _, p := range parts {
		if slices.ContainsFunc(sending, func(t []string) bool { return t[0] == p[0] && t[1] == p[1] }) {
			continue
		}
		move := fmt.Sprintf("ALTER TABLE `%s`.`%s` MOVE PART '%s' TO VOLUME 'default'", p[0], p[1], p[2])
		if _, err := rows(ctx, e, move); err != nil {
			bad = append(bad, fmt.Errorf("bring back part %s of %s: %w", p[2], p[1], err))
			if failed++; failed > 3 {
				break // and all the others, most likely
			}
		}
	}
	return false, errors.Join(bad...)
}

// nothingLeft reports whether the disk has nothing of the store that no move brings back.
func nothingLeft(ctx context.Context, e Engine) (bool, error) {
	left, err := rows(ctx, e, leftThere)
	if err != nil {
		return false, err
	}
	var bad []error
	for _, p := range left {
		if p[3] == "set aside" {
			bad = append(bad, fmt.Errorf("part %s of %s is set aside there: restore or remove it", p[2], p[1]))
		}
	}
	return len(left) == 0, errors.Join(bad...)
}

// rows are a statement's, each column as text.
func rows(ctx context.Context, e Engine, sql string) (all [][]string, err error) {
	found, err := e.Query(ctx, engine.Statement{SQL: sql, Format: "JSONCompactStringsEachRow"})
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var text strings.Builder
	for {
		chunk, err := found.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		text.Write(chunk)
	}
	for line := range strings.Lines(text.String()) {
		var row []string
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			return nil, fmt.Errorf("read %.40q: %w", line, err)
		}
		all = append(all, row)
	}
	return all, nil
}
