package clickhouse

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/signal"
)

//go:embed sql/query/recorded.sql
var recordedByTime string

// Recorded gives each the requests of a window, newest first, until it returns an error.
// The rows are not kept.
func (s *Store) Recorded(ctx context.Context, q signal.RecordedQuery, each func(*signal.Recorded) error) error {
	rows, err := s.Query(ctx, recordedByTime, Param("start", nanos(q.Start)), Param("end", nanos(q.End)), Param("limit", uint32(max(q.Limit, 0))))
	if err != nil {
		return fmt.Errorf("read recorded requests: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanRecorded(rows)
		if err != nil {
			return fmt.Errorf("read recorded requests: %w", err)
		}
		if err := each(&r); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read recorded requests: %w", err)
	}
	return nil
}

func scanRecorded(rows driver.Rows) (signal.Recorded, error) {
	var (
		r      signal.Recorded
		status uint16
	)
	err := rows.Scan(&r.Time, &r.TraceID, &r.Reporter, &r.Service, &r.Version, &r.Instance, &r.Peer, &r.PeerVersion, &r.PeerIdentity,
		&r.Route, &r.Method, &r.Path, &r.Authority, &r.UserAgent, &r.RequestID, &status, &r.Flags, &r.DurationMS, &r.Tries, &r.Port)
	r.Status, r.DurationMS, r.RequestID = int(status), decimals(r.DurationMS), restoreRequestID(r.RequestID, r.TraceID)
	if r.TraceID == noTraceID {
		r.TraceID = ""
	}
	return r, err
}
