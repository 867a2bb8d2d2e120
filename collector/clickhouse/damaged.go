package clickhouse

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"

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
		err = rows.Scan(&p.Table, &p.Part, &p.Bytes, &p.Since)
		return p, err
	}, []any{Param("most", mostDamaged)})
	if err != nil {
		return nil, fmt.Errorf("list damaged parts: %w", err)
	}
	return all, nil
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
