package promql

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/stats"
)

// maxPoints is how many values a series of a range may have, as in Prometheus.
const maxPoints = 11_000

// result is the data of a query.
type result struct {
	Type  parser.ValueType `json:"resultType"`
	Value parser.Value     `json:"result"`
	Stats stats.QueryStats `json:"stats,omitempty"`
}

func (a *api) query(r *http.Request) (answer, error) {
	at, err := timeOf(r, "time", time.Now())
	if err != nil {
		return answer{}, err
	}
	return run(r, func(ctx context.Context, o prom.QueryOpts) (prom.Query, error) {
		return a.engine.engine.NewInstantQuery(ctx, a.engine.source, o, r.FormValue("query"), at)
	})
}

func (a *api) queryRange(r *http.Request) (answer, error) {
	start, err := timeOf(r, "start", time.Time{})
	if err != nil {
		return answer{}, err
	}
	end, err := timeOf(r, "end", time.Time{})
	if err != nil {
		return answer{}, err
	}
	if end.Before(start) {
		return answer{}, bad("end", errors.New("end timestamp must not be before start time"))
	}
	step, err := durationOf(r, "step")
	switch {
	case err != nil:
		return answer{}, err
	case step <= 0:
		return answer{}, bad("step", errors.New("zero or negative query resolution step widths are not accepted. Try a positive integer"))
	case end.Sub(start)/step > maxPoints:
		return answer{}, &apiError{"bad_data", errors.New("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)")}
	}
	return run(r, func(ctx context.Context, o prom.QueryOpts) (prom.Query, error) {
		return a.engine.engine.NewRangeQuery(ctx, a.engine.source, o, r.FormValue("query"), start, end, step)
	})
}

// run evaluates a query within the time that the client gives it.
func run(r *http.Request, open func(context.Context, prom.QueryOpts) (prom.Query, error)) (answer, error) {
	ctx := r.Context()
	limit, err := limitOf(r, "limit")
	if err != nil {
		return answer{}, err
	}
	opts, err := optsOf(r)
	if err != nil {
		return answer{}, err
	}
	if r.FormValue("timeout") != "" {
		timeout, err := durationOf(r, "timeout")
		if err != nil {
			return answer{}, err
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	q, err := open(ctx, opts)
	if ctx.Err() != nil {
		return answer{}, ctx.Err() // while it waited for its turn
	}
	if err != nil {
		return answer{}, bad("query", err)
	}
	defer q.Close()
	res := q.Exec(ctx)
	if res.Err != nil {
		return answer{}, res.Err
	}
	value, cut := first(detached(res.Value), limit)
	if cut {
		res.Warnings.Add(errTruncated)
	}
	out := result{Type: res.Value.Type(), Value: value}
	switch wanted := r.FormValue("stats"); wanted {
	case "":
	default:
		res.Warnings.Add(fmt.Errorf("value %q for parameter \"stats\" is deprecated and will be rejected in the next major release, use \"true\" or %q", wanted, allStats))
		fallthrough
	case "true", allStats:
		out.Stats = stats.NewQueryStats(q.Stats())
	}
	return answer{data: out, notes: res.Warnings}, nil
}

// allStats asks for the samples of each step too.
const allStats = "all"

// optsOf reads what a client may say of how its query is evaluated.
func optsOf(r *http.Request) (prom.QueryOpts, error) {
	var lookback time.Duration
	if r.FormValue("lookback_delta") != "" {
		var err error
		if lookback, err = parseDuration(r.FormValue("lookback_delta")); err != nil {
			return nil, &apiError{"bad_data", fmt.Errorf("error parsing lookback delta duration: %w", err)}
		}
	}
	return prom.NewPrometheusQueryOpts(r.FormValue("stats") == allStats, lookback), nil
}

// first cuts a value to so many series; 0 is all.
func first(v parser.Value, limit int) (_ parser.Value, cut bool) {
	switch all := v.(type) {
	case prom.Vector:
		if limit > 0 && len(all) > limit {
			return all[:limit], true
		}
	case prom.Matrix:
		if limit > 0 && len(all) > limit {
			return all[:limit], true
		}
	}
	return v, false
}

// detached copies what the engine takes back when the query is closed.
func detached(v parser.Value) parser.Value {
	m, ok := v.(prom.Matrix)
	if !ok {
		return v
	}
	out := make(prom.Matrix, len(m))
	for i, s := range m {
		s.Floats = append([]prom.FPoint(nil), s.Floats...)
		s.Histograms = append([]prom.HPoint(nil), s.Histograms...)
		out[i] = s
	}
	return out
}

func (a *api) formatQuery(r *http.Request) (answer, error) {
	expr, err := a.engine.parser.ParseExpr(r.FormValue("query"))
	if err != nil {
		return answer{}, bad("query", err)
	}
	return answer{data: expr.Pretty(0)}, nil
}

// timeOf reads a time: Unix seconds or RFC 3339. A zero fallback makes it obligatory.
func timeOf(r *http.Request, name string, fallback time.Time) (time.Time, error) {
	text := r.FormValue(name)
	if text == "" && !fallback.IsZero() {
		return fallback, nil
	}
	if s, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(s) {
		// What lies outside finds what the farthest time that the store knows finds.
		s = min(max(s, -farthest), farthest)
		return time.UnixMilli(int64(math.Round(s * 1000))).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	switch {
	case err == nil:
		return t, nil
	case text == firstTime:
		return time.Unix(-farthest, 0).UTC(), nil
	case text == lastTime:
		return time.Unix(farthest, 0).UTC(), nil
	case fallback.IsZero():
		return fallback, bad(name, fmt.Errorf("cannot parse %q to a valid timestamp", text))
	}
	return fallback, bad(name, fmt.Errorf("invalid time value for '%s': cannot parse %q to a valid timestamp", name, text))
}

const (
	farthest = 100_000_000_000 // s: the year 5138
	// How Prometheus' client writes "from the beginning" and "to the end"; their years are
	// too long for RFC 3339.
	firstTime = "-292273086-05-16T16:47:06Z"
	lastTime  = "292277025-08-18T07:12:54.999999999Z"
)

// durationOf reads a duration: seconds, or as "1m30s".
func durationOf(r *http.Request, name string) (time.Duration, error) {
	d, err := parseDuration(r.FormValue(name))
	if err != nil {
		return 0, bad(name, err)
	}
	return d, nil
}

func parseDuration(text string) (time.Duration, error) {
	if s, err := strconv.ParseFloat(text, 64); err == nil {
		if ns := s * float64(time.Second); ns > math.MinInt64 && ns < math.MaxInt64 {
			return time.Duration(ns), nil
		}
		return 0, fmt.Errorf("cannot parse %q to a valid duration. It overflows int64", text)
	}
	d, err := model.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("cannot parse %q to a valid duration", text)
	}
	return time.Duration(d), nil
}
