package clickhouse

import (
	"fmt"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// BenchmarkEdges asks as the live graph does, of an hour of 200 edges with two
// instances each, stored a second per batch as sidecars send them for the newest
// minute and a minute per batch before.
func BenchmarkEdges(b *testing.B) {
	s := openStore(b, storetest.Start(b))
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	end := time.Now().UTC().Truncate(time.Minute)
	for minute := range 59 {
		fill(b, s, end.Add(-time.Hour+time.Duration(minute)*time.Minute), 60, time.Second)
	}
	for second := range 60 {
		fill(b, s, end.Add(time.Duration(second-60)*time.Second), 1, time.Second)
	}
	for _, length := range []time.Duration{time.Second, 10 * time.Second, time.Minute, 30 * time.Minute, time.Hour} {
		b.Run(length.String(), func(b *testing.B) {
			for b.Loop() {
				n := 0
				for _, err := range s.Edges(b.Context(), signal.Window{Start: end.Add(-length), End: end}) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != 400 {
					b.Fatalf("%d edges, want 400", n)
				}
			}
		})
	}
}

// BenchmarkEdgeSeconds asks as the search for anomalies does, of what BenchmarkEdges has
// in its newest minute.
func BenchmarkEdgeSeconds(b *testing.B) {
	s := openStore(b, storetest.Start(b))
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	end := time.Now().UTC().Truncate(time.Minute)
	for second := range 60 {
		fill(b, s, end.Add(time.Duration(second-60)*time.Second), 1, time.Second)
	}
	for b.Loop() {
		n := 0
		for _, err := range s.EdgeSeconds(b.Context(), signal.Window{Start: end.Add(-8 * time.Second), End: end}) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 8*400 {
			b.Fatalf("%d edges, want 400 a second", n)
		}
	}
}

// BenchmarkEdgesOfADay asks for the graph of a day and a bit, of the same edges with rows
// for each minute.
func BenchmarkEdgesOfADay(b *testing.B) {
	s := openStore(b, storetest.Start(b))
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	end := time.Now().UTC().Truncate(time.Hour)
	for hour := range 26 {
		fill(b, s, end.Add(time.Duration(hour-25)*time.Hour), 60, time.Minute)
	}
	for b.Loop() {
		n := 0
		for _, err := range s.Edges(b.Context(), signal.Window{Start: end.Add(-24*time.Hour + 61*time.Second), End: end.Add(61 * time.Second)}) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 400 {
			b.Fatalf("%d edges, want 400", n)
		}
	}
}

// fill stores one batch of traffic, of so many seconds that lie apart.
func fill(b *testing.B, s *Store, start time.Time, seconds int, apart time.Duration) {
	var rows []REDRow
	for second := range seconds {
		for edge := range 400 {
			r := hop(signal.Source, fmt.Sprintf("s%d", edge/8), fmt.Sprintf("s%d", edge/8+1+edge/2%4), 0, 0)
			r.Time, r.Instance = start.Add(time.Duration(second)*apart), fmt.Sprintf("i%d", edge)
			var h signal.Histogram
			for i := range 20 {
				h.Observe(float64(1 + (edge+i*i)%200))
			}
			r.Requests, r.DurationSum, r.Buckets = h.Count, h.Sum, h.Buckets
			rows = append(rows, r)
		}
	}
	if err := s.InsertRED(b.Context(), start.String(), rows); err != nil {
		b.Fatal(err)
	}
}
