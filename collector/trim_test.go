package collector

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// days is a store of so many bytes a day, the last of them today.
type days struct {
	each  []uint64
	cold  uint64
	away  error
	apart error  // why old days stay
	ails  string // the disk that they go to
	late  uint64
}

func (d *days) Tier(context.Context) error { return d.apart }

func (d *days) ColdState(context.Context) (string, uint64, error) { return d.ails, d.late, d.away }

func (d *days) Size(context.Context) (n clickhouse.Bytes, err error) {
	for _, bytes := range d.each {
		n.Hot += bytes
	}
	n.Cold = d.cold
	return n, d.away
}

func (*days) Damaged(context.Context) ([]signal.DamagedPart, error) {
	return []signal.DamagedPart{{Table: "spans", Part: "broken_20261127_1_1_0"}}, nil
}

func (d *days) Trim(ctx context.Context, most clickhouse.Bytes, now time.Time) (gone []clickhouse.Trimmed, err error) {
	for len(d.each) > 1 {
		if n, _ := d.Size(ctx); n.Hot <= most.Hot {
			break
		}
		gone = append(gone, clickhouse.Trimmed{Tables: []string{"logs"}, Day: now.AddDate(0, 0, 1-len(d.each)), Bytes: d.each[0]})
		d.each = d.each[1:]
	}
	return gone, d.away
}

func TestTrimmer(t *testing.T) {
	tests := []struct {
		name  string
		limit uint64
		store days
		size  uint64
		told  []string
	}{
		{"no limit", 0, days{each: []uint64{5, 5, 5}}, 15, nil},
		{"room", 15, days{each: []uint64{5, 5, 5}}, 15, nil},
		{"two days too many", 7, days{each: []uint64{5, 5, 5}}, 5, []string{"given up", "given up"}},
		{"today is too large", 3, days{each: []uint64{5, 5}}, 5, []string{"given up", "this day alone"}},
		{"away", 3, days{each: []uint64{5}, away: errors.New("connection refused")}, 0, []string{"connection refused"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			trim := &trimmer{most: clickhouse.Bytes{Hot: tt.limit}, log: slog.New(slog.NewTextHandler(&log, nil))}
			trim.once(t.Context(), &tt.store)
			switch got := trim.state.Load(); {
			case tt.store.away != nil:
				if got != nil {
					t.Errorf("measured %v", got)
				}
			case got.Bytes != tt.size || len(got.Damaged) != 1:
				t.Errorf("measured %v, want %d bytes and a damaged part", got, tt.size)
			}
			lines := strings.Split(strings.TrimSpace(log.String()), "\n")
			if log.Len() == 0 {
				lines = nil
			}
			if len(lines) != len(tt.told) {
				t.Fatalf("told %q", lines)
			}
			for i, want := range tt.told {
				if !strings.Contains(lines[i], want) {
					t.Errorf("told %q, want %q", lines[i], want)
				}
			}
		})
	}
}

// What keeps old days from their disk is told once, and so is its end; the state has both.
func TestTrimmerTellsOfTheColdDisk(t *testing.T) {
	var log bytes.Buffer
	trim := &trimmer{tiered: true, log: slog.New(slog.NewTextHandler(&log, nil))}
	store := &days{each: []uint64{5}, cold: 7}
	for _, step := range []struct {
		apart   error
		ails    string
		late    uint64
		trouble string
		told    string // "" is nothing
	}{
		{nil, "", 0, "", ""},
		{errors.New("no such policy"), "", 0, "no such policy", "level=WARN"},
		{errors.New("no such policy"), "", 0, "no such policy", ""},
		{nil, "S3 is away, key 1", 5, "S3 is away, key 1", ""},
		{nil, "S3 is away, key 2", 5, "S3 is away, key 2", ""},
		{nil, "", 4, "", "level=INFO"}, // on their way
		{nil, "", 4, "4 bytes should have gone there more than an hour ago, and stay where they are: is it full?", "level=WARN"},
		{nil, "", 1, "", "level=INFO"},
		{nil, "", 0, "", ""},
	} {
		log.Reset()
		store.apart, store.ails, store.late = step.apart, step.ails, step.late
		trim.once(t.Context(), store)
		got := trim.state.Load()
		if got.Bytes != 12 || got.Cold == nil || *got.Cold != (signal.ColdState{Bytes: 7, Trouble: step.trouble}) {
			t.Errorf("%+v: state %+v", step, got)
		}
		if (step.told == "") != (log.Len() == 0) || !strings.Contains(log.String(), step.told) {
			t.Errorf("%+v: told %q", step, log.String())
		}
	}
}
