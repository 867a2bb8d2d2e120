package clickhousetest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// The mesh of Busy: 200 edges, two versions of each service with an instance each.
const (
	BusyServices = 50
	BusyCallees  = 4 // of each service
	busyVersions = 2
	busyRoutes   = 3
	// BusyCalls is how many calls a second there are, each of which both ends tell.
	BusyCalls = 1100
	busyBatch = 10 * time.Second
)

// Busy stores the RED rows by the second of a mesh with many different calls: nearly each
// is a row of its own. Dice that always fall alike decide which.
func Busy(t testing.TB, s *clickhouse.Store, start, end time.Time) {
	t.Helper()
	dice := rand.New(rand.NewPCG(4, 4))
	for ; start.Before(end); start = start.Add(busyBatch) {
		var rows []clickhouse.REDRow
		for at := start; at.Before(start.Add(busyBatch)) && at.Before(end); at = at.Add(time.Second) {
			for range BusyCalls {
				row := busyRow(dice, at)
				rows = append(rows, row)
				row.Reporter = signal.Destination
				rows = append(rows, row)
			}
		}
		if err := s.InsertRED(t.Context(), "busy "+start.String(), rows); err != nil {
			t.Fatal(err)
		}
	}
}

func busyRow(dice *rand.Rand, at time.Time) clickhouse.REDRow {
	from, version := dice.IntN(BusyServices), 1+dice.IntN(busyVersions)
	to := (from + 1 + dice.IntN(BusyCallees)) % BusyServices
	took := 1 + dice.ExpFloat64()*20
	row := clickhouse.REDRow{
		REDKey: clickhouse.REDKey{
			Time: at, Reporter: signal.Source, Source: fmt.Sprintf("service-%d", from), SourceVersion: fmt.Sprintf("v%d", 1+dice.IntN(busyVersions)),
			Destination: fmt.Sprintf("service-%d", to), DestinationVersion: fmt.Sprintf("v%d", version), Instance: fmt.Sprintf("service-%d-v%d-1", to, version),
			Route: fmt.Sprintf("route-%d", dice.IntN(busyRoutes)), Method: "GET", Status: 200, GRPCStatus: -1, Protocol: "http/1.1", MTLS: true,
		},
		Requests: 1, DurationSum: took, Buckets: map[int16]uint64{signal.BucketOf(took): 1},
		BytesIn: uint64(dice.IntN(2000)), BytesOut: uint64(dice.IntN(20_000)),
	}
	if dice.IntN(100) == 0 {
		row.Status, row.Flags, row.Failed = 503, "UF", 1
	}
	return row
}
