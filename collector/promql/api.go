package promql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/util/annotations"
)

// maxForm bounds the body of a request; queries are text.
const maxForm = 1 << 20

// Handler serves Prometheus' HTTP API: the paths below /api/v1, which is not part of
// them here. rules may be nil.
func (e *Engine) Handler(rules Rules) http.Handler {
	a := &api{engine: e, rules: rules, started: time.Now()}
	mux := http.NewServeMux()
	for path, f := range map[string]func(*http.Request) (answer, error){
		"/query":               a.query,
		"/query_range":         a.queryRange,
		"/series":              a.series,
		"/labels":              a.labels,
		"/label/{name}/values": a.labelValues,
		"/metadata":            a.metadata,
		"/rules":               a.ruleGroups,
		"/alerts":              a.alerts,
		"/status/buildinfo":    a.buildInfo,
		"/status/runtimeinfo":  a.runtimeInfo,
		"/status/config":       fixed(map[string]string{"yaml": "global:\n  scrape_interval: 1s\n"}),
		"/status/flags":        fixed(a.flags()),
		"/status/tsdb":         a.cardinality,
		"/format_query":        a.formatQuery,
		"/parse_query":         a.parseQuery,
		"/query_exemplars":     a.queryExemplars,
		"/alertmanagers":       a.alertmanagers,
		"/scrape_pools":        fixed(map[string]any{"scrapePools": []any{}}),
		"/targets":             fixed(map[string]any{"activeTargets": []any{}, "droppedTargets": []any{}, "droppedTargetCounts": map[string]int{}}),
		"/targets/metadata":    fixed([]any{}),
	} {
		mux.HandleFunc("GET "+path, a.serve(f))
		mux.HandleFunc("POST "+path, a.serve(f))
	}
	mux.HandleFunc("/", a.serve(func(r *http.Request) (answer, error) {
		return answer{}, &apiError{"not_found", fmt.Errorf("no such path: %s", r.URL.Path)}
	}))
	return mux
}

type api struct {
	engine  *Engine
	rules   Rules
	started time.Time
}

// answer is what goes under "data", and what is worth saying about it.
type answer struct {
	data  any
	notes annotations.Annotations
}

// fixed answers what clients ask a Prometheus server to find out about it, whatever
// they say: rows come every second and samples are kept for 30 days.
func fixed(data any) func(*http.Request) (answer, error) {
	return func(*http.Request) (answer, error) { return answer{data: data}, nil }
}

// envelope is the frame of every answer.
type envelope struct {
	Status    string   `json:"status"`
	Data      any      `json:"data,omitempty"`
	ErrorType string   `json:"errorType,omitempty"`
	Error     string   `json:"error,omitempty"`
	Warnings  []string `json:"warnings,omitempty"`
	Infos     []string `json:"infos,omitempty"`
}

func (a *api) serve(f func(*http.Request) (answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		status, out := http.StatusOK, envelope{Status: "success"}
		got, err := answer{}, r.ParseForm()
		if err != nil {
			err = bad("form", err)
		} else {
			got, err = f(r)
		}
		if err != nil {
			kind := kindOf(err)
			status, out = statusOf(kind), envelope{Status: "error", ErrorType: kind, Error: err.Error()}
		} else {
			out.Data = got.data
			out.Warnings, out.Infos = got.notes.AsStrings(r.FormValue("query"), 10, 10)
		}
		a.write(w, r, status, out)
	}
}

func (a *api) write(w http.ResponseWriter, r *http.Request, status int, out envelope) {
	b, err := json.Marshal(out)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"status":"error","errorType":"internal","error":"the result has no JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := w.Write(append(b, '\n')); err != nil {
		a.engine.config.Logger.DebugContext(r.Context(), "answer not taken", "error", err)
	}
}

// apiError is an error whose kind the API names.
type apiError struct {
	kind string
	err  error
}

func (e *apiError) Error() string { return e.err.Error() }
func (e *apiError) Unwrap() error { return e.err }

// bad says that a parameter is wrong.
func bad(parameter string, err error) error {
	return &apiError{"bad_data", fmt.Errorf("invalid parameter %q: %w", parameter, err)}
}

// kindOf is Prometheus' name for an error.
func kindOf(err error) string {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e.kind
	}
	if _, ok := errors.AsType[prom.ErrQueryCanceled](err); ok || errors.Is(err, context.Canceled) {
		return "canceled"
	}
	if _, ok := errors.AsType[prom.ErrQueryTimeout](err); ok || errors.Is(err, context.DeadlineExceeded) {
		return "timeout"
	}
	if _, ok := errors.AsType[prom.ErrStorage](err); ok && !errors.Is(err, errTooMany) {
		return "internal"
	}
	return "execution"
}

func statusOf(kind string) int {
	switch kind {
	case "bad_data":
		return http.StatusBadRequest
	case "execution":
		return http.StatusUnprocessableEntity
	case "canceled":
		return 499 // the client went away; no name in net/http
	case "timeout":
		return http.StatusServiceUnavailable
	case "not_found":
		return http.StatusNotFound
	}
	return http.StatusInternalServerError
}
