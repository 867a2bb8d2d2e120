// Package chhttp serves ClickHouse's HTTP interface in front of the embedded engine:
// as much of it as clickhouse-go, curl and Grafana's data source use.
//
// Statements come in the URL or the body, data to insert in the rest of the body.
// Settings, parameters, compression and errors travel as ClickHouse's documentation
// of the interface says. Sessions (session_id) and external tables are not offered.
package chhttp

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/sightline-mesh/sightline/collector/store/engine"
)

// Engine runs statements. *engine.Engine is one.
type Engine interface {
	Query(ctx context.Context, s engine.Statement) (*engine.Rows, error)
	Insert(ctx context.Context, s engine.Statement, data io.Reader) (engine.Summary, error)
}

// Config says who may come in and how much they may send.
type Config struct {
	User, Password string              // the one user; both must match
	MaxBody        int64               // bytes of a request's body as sent; 0 is 4 GiB
	Failed         func(*engine.Error) // is told of each statement's exception; it does not block
	Logger         *slog.Logger
}

const (
	defaultMaxBody = 4 << 30
	maxStatement   = 1 << 20 // bytes of SQL, data to insert not counted
)

type server struct {
	engine Engine
	config Config
}

// New makes the interface's handler.
func New(e Engine, c Config) http.Handler {
	if c.MaxBody == 0 {
		c.MaxBody = defaultMaxBody
	}
	s := &server{engine: e, config: c}
	mux := http.NewServeMux()
	mux.HandleFunc("/ping", alive)
	mux.HandleFunc("/replicas_status", alive)
	mux.HandleFunc("/{$}", s.statement)
	return mux
}

// alive answers without asking the engine or for a password: the engine has booted
// before the first request is accepted.
func alive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	_, _ = io.WriteString(w, "Ok.\n") // a client that has gone needs no answer
}

func (s *server) statement(w http.ResponseWriter, r *http.Request) {
	a := newAnswer(w, r)
	if err := s.answer(a, r); err != nil {
		if e, ok := errors.AsType[*engine.Error](err); ok && s.config.Failed != nil {
			s.config.Failed(e)
		}
		a.fail(err)
		if r.Context().Err() == nil {
			s.config.Logger.DebugContext(r.Context(), "statement refused", "query_id", a.queryID, "error", err)
		}
	}
}

func (s *server) answer(a *answer, r *http.Request) error {
	if err := s.authenticate(r); err != nil {
		return err
	}
	if r.Method != http.MethodPost && r.URL.Query().Get("query") == "" {
		alive(a.w, r)
		return nil
	}
	r.Body = http.MaxBytesReader(a.w, r.Body, s.config.MaxBody)
	q, err := parse(r)
	if err != nil {
		return err
	}
	switch {
	case q.isHello():
		return a.hello(q.revision)
	case q.data != nil:
		return s.insert(a, r, q)
	}
	return s.query(a, r, q)
}

func (s *server) insert(a *answer, r *http.Request, q *request) error {
	done, err := s.engine.Insert(r.Context(), q.statement, q.data)
	if err != nil {
		return err
	}
	a.begin(q.statement.Format, done)
	return a.end()
}

func (s *server) query(a *answer, r *http.Request, q *request) error {
	rows, err := s.engine.Query(r.Context(), q.statement)
	if err != nil {
		return err
	}
	defer rows.Close()
	if q.wait {
		return a.buffered(rows, q.format)
	}
	return a.streamed(rows, q.format)
}
