package promql

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/prometheus/common/model"
)

// retention is how long the store keeps samples.
const retention = "30d"

// buildInfo says which Prometheus this answers like: clients choose features by it.
func (*api) buildInfo(*http.Request) (answer, error) {
	return answer{data: map[string]string{
		"version": "3.15.0", "application": "prometheus", "branch": "sightline", "revision": "", "buildUser": "", "buildDate": "",
		"goVersion": runtime.Version(),
	}}, nil
}

// flags are the flags of a Prometheus that would answer as this does.
func (a *api) flags() map[string]string {
	c := &a.engine.config
	return map[string]string{
		"storage.tsdb.retention.time":      retention,
		"query.lookback-delta":             model.Duration(c.Lookback).String(),
		"query.timeout":                    model.Duration(c.Timeout).String(),
		"query.max-samples":                strconv.Itoa(c.MaxSamples),
		"query.max-concurrency":            strconv.Itoa(maxConcurrent),
		"web.enable-remote-write-receiver": "true",
		"web.enable-admin-api":             "false",
		"web.enable-lifecycle":             "false",
	}
}

// runtimeInfo is of this process.
func (a *api) runtimeInfo(*http.Request) (answer, error) {
	dir, err := os.Getwd()
	if err != nil {
		dir = ""
	}
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	return answer{data: map[string]any{
		"startTime": a.started.UTC(), "serverTime": time.Now().UTC(), "CWD": dir, "hostname": host,
		"reloadConfigSuccess": true, "lastConfigTime": a.started.UTC(), "corruptionCount": 0,
		"goroutineCount": runtime.NumGoroutine(), "GOMAXPROCS": runtime.GOMAXPROCS(0), "GOMEMLIMIT": debug.SetMemoryLimit(-1),
		"GOGC": os.Getenv("GOGC"), "GODEBUG": os.Getenv("GODEBUG"), "storageRetention": retention,
	}}, nil
}

//go:embed sql/cardinality.sql
var cardinalitySQL string

const (
	defaultTop = 10
	maxTop     = 10_000
)

// counted is a name and how many series, values or bytes it has.
type counted struct {
	Name  string `json:"name"`
	Value uint64 `json:"value"`
}

// tsdbStatus is what Prometheus says of its newest block: here, of the series stored today.
// The store has no chunks.
type tsdbStatus struct {
	Head struct {
		Series     uint64 `json:"numSeries"`
		LabelPairs uint64 `json:"numLabelPairs"`
		Chunks     uint64 `json:"chunkCount"`
		MinTime    int64  `json:"minTime"` // ms
		MaxTime    int64  `json:"maxTime"` // ms
	} `json:"headStats"`
	ByMetric []counted `json:"seriesCountByMetricName"`
	ByLabel  []counted `json:"labelValueCountByLabelName"`
	Bytes    []counted `json:"memoryInBytesByLabelName"`
	ByPair   []counted `json:"seriesCountByLabelValuePair"`
}

func (a *api) cardinality(r *http.Request) (answer, error) {
	top := defaultTop
	if text := r.FormValue("limit"); text != "" {
		var err error
		if top, err = strconv.Atoi(text); err != nil || top < 1 {
			return answer{}, &apiError{"bad_data", errors.New("limit must be a positive number")}
		}
		if top > maxTop {
			return answer{}, &apiError{"bad_data", fmt.Errorf("limit must not exceed %d", maxTop)}
		}
	}
	out, err := a.engine.source.cardinality(r.Context(), time.Now().UTC().Truncate(24*time.Hour), top)
	return answer{data: out}, err
}

// cardinality counts the series stored since a midnight.
func (s *source) cardinality(ctx context.Context, since time.Time, top int) (*tsdbStatus, error) {
	rows, err := s.store.Query(ctx, cardinalitySQL, clickhouse.Named("since", since.UnixMilli()), clickhouse.Named("top", uint64(top)))
	if err != nil {
		return nil, fmt.Errorf("count series: %w", err)
	}
	defer rows.Close()
	out := &tsdbStatus{ByMetric: []counted{}, ByLabel: []counted{}, Bytes: []counted{}, ByPair: []counted{}}
	out.Head.MinTime, out.Head.MaxTime = math.MaxInt64, math.MinInt64 // as in an empty Prometheus
	for rows.Next() {
		var what string
		var c counted
		if err := rows.Scan(&what, &c.Name, &c.Value); err != nil {
			return nil, fmt.Errorf("count series: scan: %w", err)
		}
		out.add(what, c)
	}
	return out, rows.Err()
}

func (t *tsdbStatus) add(what string, c counted) {
	switch what {
	case "series":
		t.Head.Series = c.Value
	case "pairs":
		t.Head.LabelPairs = c.Value
	case "first":
		t.Head.MinTime = int64(c.Value)
	case "last":
		t.Head.MaxTime = int64(c.Value)
	case "metric":
		t.ByMetric = append(t.ByMetric, c)
	case "label":
		t.ByLabel = append(t.ByLabel, c)
	case "bytes":
		t.Bytes = append(t.Bytes, c)
	case "pair":
		t.ByPair = append(t.ByPair, c)
	}
}
