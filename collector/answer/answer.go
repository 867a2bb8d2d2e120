// Package answer is what the HTTP APIs of other tools, Jaeger's, Tempo's and Zipkin's, have
// in common here: how a question's parameters are read, what status an error has, and how
// an answer is written that has no frame of its own.
package answer

import (
	"cmp"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
)

// ErrNotReady is the answer of who cannot answer yet.
var ErrNotReady = errors.New("not ready")

// Text is an answer that is written as it is, as is Protobuf; all others are JSON.
type Text string

// Protobuf is a message, encoded.
type Protobuf []byte

// Handler writes what f answers. Its error is text, which Grafana shows.
func Handler(log *slog.Logger, f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status, kind := http.StatusOK, "application/json"
		var body []byte
		out, err := f(r)
		switch out := out.(type) {
		case Text:
			kind, body = "text/plain; charset=utf-8", []byte(out)
		case Protobuf:
			kind, body = "application/protobuf", out
		default:
			if err == nil {
				body, err = json.Marshal(out)
			}
		}
		if err != nil {
			status, kind, body = Status(err), "text/plain; charset=utf-8", []byte(err.Error())
		}
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		if _, err := w.Write(body); err != nil {
			log.DebugContext(r.Context(), "answer not taken", "error", err)
		}
	}
}

// Status is the status of a store's error, or of ErrNotReady.
func Status(err error) int {
	if errors.Is(err, ErrNotReady) {
		return http.StatusServiceUnavailable
	}
	return cmp.Or(OfStore(err), http.StatusInternalServerError)
}

// OfStore is the status of a store's error, 0 for one that says nothing to who asked.
func OfStore(err error) int {
	switch {
	case errors.Is(err, clickhouse.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, clickhouse.ErrBadQuery):
		return http.StatusBadRequest
	case errors.Is(err, clickhouse.ErrBudget):
		return http.StatusUnprocessableEntity
	case clickhouse.MetDamage(err):
		return http.StatusServiceUnavailable
	}
	return 0
}
