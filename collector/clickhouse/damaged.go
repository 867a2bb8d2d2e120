package clickhouse

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/signal"
)

//go:embed sql/query/damaged.sql
var damagedParts string

// mostDamaged is how many damaged parts are told of.
const mostDamaged = 100

// Damaged lists the parts that the store has set aside because their files are damaged: what
// they hold is in no answer. On a cluster they are this server's.
func (s *Store) Damaged(ctx context.Context) ([]signal.DamagedPart, error) {
	all, err := collect(ctx, s, damagedParts, func(rows driver.Rows) (p signal.DamagedPart, err error) {
		var partition string
		err = rows.Scan(&p.Table, &p.Part, &partition, &p.Bytes, &p.Since)
		p.Day = partitionDay(p.Table, partition)
		return p, err
	}, []any{Param("most", mostDamaged)})
	if err != nil {
		return nil, fmt.Errorf("list damaged parts: %w", err)
	}
	return all, nil
}

// partitionDay is the day that a partition is of, zero where it holds others, too: lists are by week,
// what is kept for years by month.
func partitionDay(table, partition string) time.Time {
	if byWeek := []string{"series", "metadata"}; slices.Contains(byWeek, strings.TrimSuffix(table, "_local")) {
		return time.Time{}
	}
	day, _ := time.Parse("20060102", partition) // a month is none
	return day
}

// MetDamage reports whether a question failed because it met a part whose files are damaged.
// The embedded store sets such a part aside within seconds, and answers without it then.
func MetDamage(err error) bool {
	const (
		checksumDoesNotMatch = 40
		badSizeOfFile        = 228
		noFileInPart         = 226
		corruptedData        = 246
		cannotDecompress     = 271
	)
	e, ok := errors.AsType[*clickhouse.Exception](err)
	return ok && slices.Contains([]int32{checksumDoesNotMatch, badSizeOfFile, noFileInPart, corruptedData, cannotDecompress}, e.Code)
}

// damageTime is how long a list of damaged parts stands for answers that lack what they hold.
const damageTime = 30 * time.Second

// lately is the list of damaged parts as it was a moment ago.
type lately struct {
	asking sync.Mutex // held by the one question that asks anew, for which no other waits
	asked  time.Time
	parts  atomic.Pointer[[]signal.DamagedPart]
}

// damagedLately is Damaged, asked anew only now and then. Where the server does not say, as
// one may that does not let us ask, none are known.
func (s *Store) damagedLately(ctx context.Context) []signal.DamagedPart {
	if s.damage.asking.TryLock() {
		s.askDamaged(ctx)
		s.damage.asking.Unlock()
	}
	if parts := s.damage.parts.Load(); parts != nil {
		return *parts
	}
	return nil
}

// askDamaged lists the damaged parts where the list is old.
func (s *Store) askDamaged(ctx context.Context) {
	if time.Since(s.damage.asked) < damageTime {
		return
	}
	parts, err := s.Damaged(ctx)
	if ctx.Err() == nil {
		s.damage.asked = time.Now()
	}
	if err == nil {
		s.damage.parts.Store(&parts)
	}
}

// Lacks says what answers about a window from some tables lack because it was damaged, empty
// for nothing.
func (s *Store) Lacks(ctx context.Context, w signal.Window, tables ...string) string {
	return signal.Lacking(s.damagedLately(ctx), w, tables...)
}

// besides is why an answer is not all there is, for two reasons of which one or both may be
// empty.
func besides(partial, lacks string) string {
	return strings.Join(slices.DeleteFunc([]string{partial, lacks}, func(s string) bool { return s == "" }), "; ")
}
