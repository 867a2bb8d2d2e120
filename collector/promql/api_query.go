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
		return answer{}, bad("end", errors.New("before start"))
	}
	step, err := durationOf(r, "step")
	switch {
	case err != nil:
		return answer{}, err
	case step <= 0:
		return answer{}, bad("step", errors.New("want more than zero"))
	case end.Sub(start)/step > maxPoints:
		return answer{}, bad("step", fmt.Errorf("more than %d points per series; ask for longer steps", maxPoints))
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
	if r.FormValue("stats") != "" {
		out.Stats = stats.NewQueryStats(q.Stats())
	}
	return answer{data: out, notes: res.Warnings}, nil
}

// optsOf reads what a client may say of how its query is evaluated.
func optsOf(r *http.Request) (prom.QueryOpts, error) {
	var lookback time.Duration
	if r.FormValue("lookback_delta") != "" {
		var err error
		if lookback, err = durationOf(r, "lookback_delta"); err != nil {
			return nil, err
		}
	}
	return prom.NewPrometheusQueryOpts(false, lookback), nil
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
	if text == "" {
		if fallback.IsZero() {
			return fallback, missing(name)
		}
		return fallback, nil
	}
	if s, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(s) < 1e11 {
		return time.UnixMilli(int64(math.Round(s * 1000))).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return fallback, bad(name, fmt.Errorf("%q is no time", text))
	}
	return t, nil
}

// durationOf reads a duration: seconds, or as "1m30s".
func durationOf(r *http.Request, name string) (time.Duration, error) {
	text := r.FormValue(name)
	if text == "" {
		return 0, missing(name)
	}
	if s, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(s) < 1e9 {
		return time.Duration(s * float64(time.Second)), nil
	}
	d, err := model.ParseDuration(text)
	if err != nil {
		return 0, bad(name, fmt.Errorf("%q is no duration", text))
	}
	return time.Duration(d), nil
}
