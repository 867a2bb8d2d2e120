package cold

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
	sending, err := engine.Texts(ctx, e, goesThere, nil)
	if err != nil {
		return false, err
	}
	parts, err := engine.Texts(ctx, e, liesThere, nil)
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
		if _, err := engine.Texts(ctx, e, move, nil); err != nil {
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
	left, err := engine.Texts(ctx, e, leftThere, nil)
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
