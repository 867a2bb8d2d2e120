package api

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/topology/graph"
	"github.com/sightline-mesh/sightline/ui/session"
)

// Graphs has the service graph of now and of any past window.
type Graphs interface {
	// Current is the newest graph, nil before the first. It does no I/O.
	Current() *graph.Graph
	// At is the graph of the window that ends at the given time.
	At(ctx context.Context, at time.Time, window time.Duration) (*graph.Graph, error)
}

// Traces reads the trace store. A trace that is not there is an error that
// Deps.Status knows, or no spans.
type Traces interface {
	Trace(ctx context.Context, id string) ([]signal.Span, error)
	SearchTraces(ctx context.Context, q signal.TraceQuery) (signal.TracePage, error)
}

// SpanSets looks at all spans that a search is about, instead of at its traces.
type SpanSets interface {
	Heatmap(ctx context.Context, q signal.SpanQuery, columns int) (signal.Heatmap, error)
	Deltas(ctx context.Context, q signal.DeltaQuery) (signal.Deltas, error)
}

// Completion knows what may be typed in a filter.
type Completion interface {
	CompleteKeys(ctx context.Context, q signal.CompletionQuery) ([]signal.Completion, error)
	CompleteValues(ctx context.Context, key string, q signal.CompletionQuery) ([]signal.Completion, error)
}

// Logs reads access logs and apps' records.
type Logs interface {
	Logs(ctx context.Context, q signal.LogQuery) (signal.LogPage, error)
	LogHistogram(ctx context.Context, q signal.LogQuery, bins int) (signal.LogHistogram, error)
}

// Series reads one service's rates over time.
type Series interface {
	Series(ctx context.Context, service string, w signal.Window, step time.Duration) ([]signal.Point, error)
}

// Traffic reads and sets how requests are split over the versions of a service.
type Traffic interface {
	Traffic(ctx context.Context, service mesh.ServiceName) (mesh.Traffic, error)
	SetTraffic(ctx context.Context, service mesh.ServiceName, weights map[mesh.Version]uint32, by string) (mesh.Traffic, error)
}

// Breakers has the verdicts in force.
type Breakers interface {
	Verdicts(ctx context.Context) ([]mesh.Verdict, error)
}

// Config reads and changes configuration. A change with a finding of severity
// "error" was not made; err is for everything else that can go wrong.
type Config interface {
	Resources(ctx context.Context, kind string) ([]mesh.Resource, error)
	Apply(ctx context.Context, manifest []byte, by string, dryRun bool) ([]mesh.Finding, error)
	// Replace is Apply of one resource that must still be of a version; Deps.Status knows
	// the error if it is not.
	Replace(ctx context.Context, manifest []byte, version uint64, by string) ([]mesh.Finding, error)
	// Analyze is what there is to say about all that is stored.
	Analyze(ctx context.Context) ([]mesh.Finding, error)
}

// Proxies knows the sidecars.
type Proxies interface {
	Proxies(ctx context.Context) ([]mesh.ProxyStatus, error)
}

// EventQuery selects events; zero fields select everything, newest first.
type EventQuery struct {
	After   string // id of the last event of the previous page
	Limit   int
	Kind    string
	Service string
}

// HistoryQuery selects changes of the configuration; zero fields select everything,
// newest first.
type HistoryQuery struct {
	Below                 uint64 // number of the last change of the previous page
	Limit                 int
	Kind, Namespace, Name string // of a resource that changed
}

// TokenRequest asks for a join token.
type TokenRequest struct {
	TTL       time.Duration
	Uses      int
	Service   string
	Namespace string
	By        string
}

// Identity is the certificate authority, and the tokens that let workloads in.
type Identity interface {
	Authority(ctx context.Context) (mesh.Authority, error)
	Holders(ctx context.Context) (mesh.Holders, error)
	Rotate(ctx context.Context, r RotateRequest) (mesh.Authority, error)
	Revoke(ctx context.Context, r RevokeRequest) (mesh.Revocation, error)
	Tokens(ctx context.Context) ([]mesh.JoinToken, error)
	RevokeToken(ctx context.Context, id, by string) error
}

// RotateRequest asks for one step of a rotation of the CA.
type RotateRequest struct {
	Force   bool   `json:"force,omitempty"`   // whoever lags
	Abandon bool   `json:"abandon,omitempty"` // back to where it began
	By      string `json:"-"`
}

// RevokeRequest takes certificates back.
type RevokeRequest struct {
	What   string `json:"what"` // a serial number in hex, or a SPIFFE id
	Reason string `json:"reason,omitempty"`
	By     string `json:"-"`
}

// Deps is what the API is made of. A part that is nil is not running in this
// process: its routes answer 503 and say so.
type Deps struct {
	Graphs     Graphs
	Traces     Traces
	SpanSets   SpanSets
	Logs       Logs
	Completion Completion
	Series     Series
	Traffic    Traffic
	Breakers   Breakers
	Config     Config
	Proxies    Proxies
	Replicas   func(ctx context.Context) ([]mesh.Replica, error) // the control planes; may be nil
	// Unreadable is what of the state the control plane cannot read; may be nil.
	Unreadable func(ctx context.Context) ([]mesh.Unreadable, error)
	// Discard removes one of them; may be nil.
	Discard func(ctx context.Context, table, key, by string) error
	// Propagation is how changes reach the sidecars; may be nil.
	Propagation func(ctx context.Context) (mesh.Propagation, error)
	Identity    Identity

	Events       func(ctx context.Context, q EventQuery) ([]mesh.Event, error)
	UndoTraffic  func(ctx context.Context, service mesh.ServiceName, by string) error
	DeleteConfig func(ctx context.Context, kind, namespace, name, by string) error
	History      func(ctx context.Context, q HistoryQuery) ([]mesh.Change, error)
	Change       func(ctx context.Context, number uint64) (mesh.Change, error)
	// Restore brings the configuration back to how it stood after a change. With a
	// finding of severity "error" nothing was changed.
	Restore func(ctx context.Context, change uint64, by string, dryRun bool) (mesh.Restoration, error)
	Trip    func(ctx context.Context, target mesh.Target, reason, by string) error
	Release func(ctx context.Context, id, by string) error
	Hold    func(ctx context.Context, id, by string) error
	// Replay decides the requests recorded in a window as a manifest would have them
	// decided, the newest ones where there are more than the limit.
	Replay      func(ctx context.Context, manifest []byte, w signal.Window, limit int) (mesh.Replay, error)
	CreateToken func(ctx context.Context, r TokenRequest) (string, error)
	// Tap gives the function each line of a live look at requests, until ctx ends or the
	// function returns an error. It returns an error before the first if there is none.
	Tap        func(ctx context.Context, asked mesh.Tap, by string, line func(mesh.TapLine) error) error
	SLOs       func() []signal.SLOStatus
	Alerts     func() []signal.Alert
	Accounting func() []signal.Pipeline
	Store      func() signal.StoreState
	Tenants    func() []signal.Tenant
	// LeftOut reports whether a trace is known to have been left out as an ordinary one, and
	// which share of those of its time was kept. Nil where all traces are kept.
	LeftOut func(trace string) (share float64, ok bool)
	// Ready is nil when the whole mesh is ready, else says what is not.
	Ready func(ctx context.Context) error

	Prometheus  http.Handler // of /prometheus/api/v1/…; sees the whole path
	RemoteWrite http.Handler // of /prometheus/api/v1/write, for operators
	Jaeger      http.Handler // of /jaeger/api/…; sees the whole path
	Tempo       http.Handler // of /tempo/…; sees the whole path
	Zipkin      http.Handler // of /zipkin/api/…; sees the whole path
	Metrics     http.Handler // of /metrics

	// Status maps an error of the parts above to an HTTP status, 0 when it knows none.
	Status func(error) int

	Sessions *session.Keeper
	App      fs.FS // the built web app, with index.html at its root
	Logger   *slog.Logger
	Now      func() time.Time // nil is time.Now
}
