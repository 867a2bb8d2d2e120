package promql

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

//go:embed sql/metadata.sql
var metadataSQL string

// maxMetadata bounds an answer.
const maxMetadata = 50_000

// description is what a metric is, as the API shows it.
type description struct {
	Type string `json:"type"`
	Unit string `json:"unit"`
	Help string `json:"help"`
}

func (a *api) metadata(r *http.Request) (answer, error) {
	limit, err := metadataLimit(r, "limit")
	if err != nil {
		return answer{}, err
	}
	each, err := metadataLimit(r, "limit_per_metric")
	if err != nil {
		return answer{}, err
	}
	metric := r.FormValue("metric")
	all := describedMetrics(metric)
	if err := a.engine.source.described(r.Context(), metric, all); err != nil {
		return answer{}, err
	}
	out := map[string][]description{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if limit >= 0 && len(out) >= limit {
			break
		}
		out[name] = all[name]
		if each > 0 && len(out[name]) > each {
			out[name] = out[name][:each]
		}
	}
	return answer{data: out}, nil
}

// metadataLimit reads a limit; below 0 is none.
func metadataLimit(r *http.Request, name string) (int, error) {
	text := r.FormValue(name)
	if text == "" {
		return -1, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, &apiError{"bad_data", fmt.Errorf("%s must be a number", name)}
	}
	return n, nil
}

// describedMetrics are the metrics computed from RED rows, by name without the suffixes
// of a histogram's parts.
func describedMetrics(metric string) map[string][]description {
	out := map[string][]description{}
	for _, m := range metrics() {
		name := m.name
		if m.kind == "histogram" {
			name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count"), "_sum")
		}
		if metric == "" || metric == name {
			out[name] = []description{{Type: m.kind, Help: m.help}}
		}
	}
	return out
}

// described adds what senders said of stored metrics.
func (s *source) described(ctx context.Context, metric string, into map[string][]description) error {
	rows, err := s.store.Query(ctx, metadataSQL, clickhouse.Named("metric", metric), clickhouse.Named("limit", uint64(maxMetadata)))
	if err != nil {
		return fmt.Errorf("read metadata: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var d description
		if err := rows.Scan(&name, &d.Type, &d.Unit, &d.Help); err != nil {
			return fmt.Errorf("read metadata: scan: %w", err)
		}
		into[name] = append(into[name], d)
	}
	return rows.Err()
}

// shownExemplar is an exemplar as the API shows it.
type shownExemplar struct {
	Labels    labels.Labels `json:"labels"`
	Value     string        `json:"value"`
	Timestamp float64       `json:"timestamp"` // s
}

type shownExemplars struct {
	SeriesLabels labels.Labels   `json:"seriesLabels"`
	Exemplars    []shownExemplar `json:"exemplars"`
}

func (a *api) queryExemplars(r *http.Request) (answer, error) {
	now := time.Now()
	start, err := timeOf(r, "start", now.Add(-defaultSpan))
	if err != nil {
		return answer{}, err
	}
	end, err := timeOf(r, "end", now)
	if err != nil {
		return answer{}, err
	}
	if end.Before(start) {
		return answer{}, bad("end", errors.New("end timestamp must not be before start timestamp"))
	}
	expr, err := a.engine.parser.ParseExpr(r.FormValue("query"))
	if err != nil {
		return answer{}, &apiError{"bad_data", err}
	}
	q := &querier{source: a.engine.source, mint: start.UnixMilli(), maxt: end.UnixMilli()}
	out := []shownExemplars{}
	seen := map[string]bool{}
	for _, matchers := range parser.ExtractSelectors(expr) {
		all, err := q.exemplars(r.Context(), matchers)
		if err != nil {
			return answer{}, err
		}
		for _, one := range sortedExemplars(all) {
			if name := one.SeriesLabels.String(); !seen[name] {
				seen[name] = true
				out = append(out, shown(one))
			}
		}
	}
	return answer{data: out}, nil
}

func shown(r *exemplar.QueryResult) shownExemplars {
	out := shownExemplars{SeriesLabels: r.SeriesLabels}
	for _, e := range r.Exemplars {
		out.Exemplars = append(out.Exemplars, shownExemplar{e.Labels, strconv.FormatFloat(e.Value, 'f', -1, 64), float64(e.Ts) / 1000})
	}
	return out
}
