package jaeger

import (
	"encoding/json"
	"net/http"

	"github.com/sightline-mesh/sightline/collector/answer"
	"github.com/sightline-mesh/sightline/collector/clickhouse"
)

// Handler serves the HTTP APIs: the paths from /api on, which is part of them here.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, f := range map[string]func(*http.Request) (any, error){
		"/api/services":                      s.v1Services,
		"/api/services/{service}/operations": s.v1OperationNames,
		"/api/operations":                    s.v1Operations,
		"/api/traces":                        s.v1Traces,
		"/api/traces/{id}":                   s.v1Trace,
		"/api/dependencies":                  s.v1Dependencies,
	} {
		mux.HandleFunc("GET "+path, s.answer(f, v1Answer, v1Error))
	}
	for path, f := range map[string]func(*http.Request) (any, error){
		"/api/v3/services":     s.v3Services,
		"/api/v3/operations":   s.v3Operations,
		"/api/v3/traces":       s.v3Traces,
		"/api/v3/traces/{id}":  s.v3Trace,
		"/api/v3/dependencies": s.v3Dependencies,
		"/api/v3/capabilities": func(*http.Request) (any, error) { return encoded(capabilities()) },
	} {
		mux.HandleFunc("GET "+path, s.answer(f, asIs, v3Error))
	}
	return mux
}

// answer writes what a path answers, or its error, in the frame of its version.
func (s *Server) answer(f func(*http.Request) (any, error), frame func(any) any, failed func(status int, err error) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status, out := http.StatusOK, any(nil)
		got, err := f(r)
		if err == nil {
			out = frame(got)
		} else {
			status = answer.Status(err)
			out = failed(status, err)
		}
		b, err := json.Marshal(out)
		if err != nil {
			status, b = http.StatusInternalServerError, []byte(`{"errors":[{"code":500,"msg":"the answer has no JSON"}]}`)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if _, err := w.Write(append(b, '\n')); err != nil {
			s.deps.Logger.DebugContext(r.Context(), "answer not taken", "error", err)
		}
	}
}

func asIs(v any) any { return v }

// envelope is the frame of v1.
type envelope struct {
	Data   any       `json:"data"`
	Total  int       `json:"total"`
	Limit  int       `json:"limit"`
	Offset int       `json:"offset"`
	Errors []v1Fault `json:"errors"` // null where there is none
}

type v1Fault struct {
	Code int    `json:"code"`
	Msg  string `json:"msg"`
}

func v1Answer(data any) any {
	e := envelope{Data: data}
	switch d := data.(type) {
	case []string:
		e.Total = len(d)
	case []v1Operation:
		e.Total = len(d)
	case []v1Dependency:
		e.Total = len(d)
	case []v1Trace:
		e.Total = len(d)
	}
	return e
}

func v1Error(status int, err error) any {
	return envelope{Errors: []v1Fault{{status, err.Error()}}}
}

func v3Error(status int, err error) any {
	return map[string]any{"error": map[string]any{"httpCode": status, "message": err.Error()}}
}

// forEach collects what each trace of a query is written as.
func forEach[T any](s *Server, r *http.Request, q query, write func([]clickhouse.StoredSpan) T) ([]T, error) {
	all := []T{}
	_, err := s.found(r.Context(), q, func(spans []clickhouse.StoredSpan) error {
		all = append(all, write(spans))
		return nil
	})
	return all, err
}
