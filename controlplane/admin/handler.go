package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const maxBody = 4 << 20

// Config keeps the configuration. Findings and an error together are a refusal.
type Config interface {
	Apply(ctx context.Context, manifest []byte, by string, dryRun bool) ([]mesh.Finding, error)
	// Replace is Apply of one resource that must still be of a version.
	Replace(ctx context.Context, manifest []byte, version uint64, by string) ([]mesh.Finding, error)
	Delete(ctx context.Context, kind, namespace, name, by string) ([]mesh.Finding, error)
	Resources(ctx context.Context, kind string) ([]mesh.Resource, error)
	SLOs(ctx context.Context) ([]mesh.SLO, error)
	// Analyze is what there is to say about all that is stored.
	Analyze(ctx context.Context) ([]mesh.Finding, error)
	// History is without manifests, Change with those of one change.
	History(ctx context.Context, q HistoryQuery) ([]mesh.Change, error)
	Change(ctx context.Context, number uint64) (mesh.Change, error)
	Restore(ctx context.Context, change uint64, by string, dryRun bool) (mesh.Restoration, error)
}

// Traffic divides requests over versions.
type Traffic interface {
	Traffic(ctx context.Context, s mesh.ServiceName) (mesh.Traffic, error)
	SetTraffic(ctx context.Context, s mesh.ServiceName, weights map[mesh.Version]uint32, by string) (mesh.Traffic, error)
	UndoTraffic(ctx context.Context, s mesh.ServiceName, by string) (mesh.Traffic, error)
}

// Breakers keeps the verdicts.
type Breakers interface {
	Verdicts(ctx context.Context) ([]mesh.Verdict, error)
	Trip(ctx context.Context, target mesh.Target, reason, by string) (mesh.Verdict, error)
	Release(ctx context.Context, id, by string) error
	Hold(ctx context.Context, id, by string) error
}

// Identity is the certificate authority, and the tokens that let workloads in.
type Identity interface {
	Authority(ctx context.Context) (mesh.Authority, error)
	// Holders are who is connected with a certificate, to this control plane or to any.
	Holders(ctx context.Context, own bool) (mesh.Holders, error)
	Rotate(ctx context.Context, r RotateRequest) (mesh.Authority, error)
	Revoke(ctx context.Context, r RevokeRequest) (mesh.Revocation, error)
	Tokens(ctx context.Context) ([]mesh.JoinToken, error)
	RevokeToken(ctx context.Context, id, by string) error
}

// Deps is what the API is made of.
type Deps struct {
	Config   Config
	Traffic  Traffic
	Breakers Breakers
	Events   func(ctx context.Context, q EventQuery) ([]mesh.Event, error)
	// Report takes observations; from is the control plane that passes them on, "" for none.
	Report func(ctx context.Context, seen []mesh.Observation, from string) error
	// Proxies is how sidecars stand: those that have their stream here, or all of the mesh.
	Proxies  func(ctx context.Context, own bool) ([]mesh.ProxyStatus, error)
	Replicas func(ctx context.Context) ([]mesh.Replica, error)
	// Clock is the control plane's; nil is the machine's.
	Clock func() time.Time
	// Unreadable is what of the state this control plane cannot read.
	Unreadable func(ctx context.Context) ([]mesh.Unreadable, error)
	// Discard removes one of them.
	Discard func(ctx context.Context, table, key, by string) error
	// Duty is taken by who asks for it first, and kept by asking on.
	Duty func(ctx context.Context, duty, holder string) (bool, error)
	// Propagation is how changes reached sidecars, likewise.
	Propagation func(ctx context.Context, own bool) (mesh.Propagation, error)
	// Backup writes the state to w.
	Backup func(ctx context.Context, w io.Writer, r BackupRequest) error
	// Metrics answers with the control plane's figures, for Prometheus.
	Metrics     http.Handler
	CreateToken func(ctx context.Context, r TokenRequest) (string, error)
	Identity    Identity
	// Sealing is how the CA's keys are sealed, as the control plane that answers sees it, or
	// as all do; Reseal does a step of replacing their passphrase.
	Sealing func(ctx context.Context, own bool) (mesh.Sealing, error)
	Reseal  func(ctx context.Context, r ResealRequest) (mesh.Sealing, error)
	// Tap opens a live look at requests, of sidecars that have their stream here or of all.
	Tap func(asked mesh.Tap, by string, own bool) (Look, error)
	// Status is the HTTP status of an error of the parts above; 0 for one that is
	// not the caller's fault.
	Status func(error) int
	Logger *slog.Logger
}

// NewHandler serves the paths below /admin/v1/.
func NewHandler(d Deps) http.Handler {
	h := &handler{d}
	mux := http.NewServeMux()
	for pattern, serve := range map[string]func(*http.Request) (any, error){
		"POST /admin/v1/config":                             h.apply,
		"GET /admin/v1/config":                              h.resources,
		"DELETE /admin/v1/config/{kind}/{namespace}/{name}": h.remove,
		"GET /admin/v1/config/findings":                     h.analyze,
		"GET /admin/v1/history":                             h.history,
		"GET /admin/v1/history/{change}":                    h.change,
		"POST /admin/v1/history/{change}/restore":           h.restore,
		"GET /admin/v1/slos":                                h.slos,
		"GET /admin/v1/traffic/{service}":                   h.traffic,
		"PUT /admin/v1/traffic/{service}":                   h.setTraffic,
		"POST /admin/v1/traffic/{service}/undo":             h.undoTraffic,
		"GET /admin/v1/verdicts":                            h.verdicts,
		"POST /admin/v1/verdicts":                           h.trip,
		"POST /admin/v1/verdicts/{id}/release":              h.release,
		"POST /admin/v1/verdicts/{id}/hold":                 h.hold,
		"POST /admin/v1/observations":                       h.report,
		"GET /admin/v1/events":                              h.events,
		"GET /admin/v1/proxies":                             h.proxies,
		"GET /admin/v1/replicas":                            h.replicas,
		"GET /admin/v1/clock":                               h.clock,
		"GET /admin/v1/unreadable":                          h.unreadable,
		"DELETE /admin/v1/unreadable":                       h.discard,
		"PUT /admin/v1/duties/{duty}":                       h.duty,
		"GET /admin/v1/propagation":                         h.propagation,
		"POST /admin/v1/tokens":                             h.createToken,
		"GET /admin/v1/tokens":                              h.tokens,
		"DELETE /admin/v1/tokens/{id}":                      h.revokeToken,
		"GET /admin/v1/ca":                                  h.authority,
		"GET /admin/v1/ca/holders":                          h.holders,
		"POST /admin/v1/ca/rotate":                          h.rotate,
		"POST /admin/v1/ca/revoke":                          h.revoke,
		"GET /admin/v1/ca/seal":                             h.sealing,
		"POST /admin/v1/ca/seal":                            h.reseal,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { h.answer(w, r, serve) })
	}
	mux.HandleFunc("POST /admin/v1/taps", h.tap)
	mux.HandleFunc("POST /admin/v1/backup", h.backup)
	mux.HandleFunc("GET /admin/v1/metrics", h.metrics)
	return mux
}

type handler struct{ Deps }

// answer lets the mesh's own parts in and turns what serve returns into JSON.
// Errors meet HTTP here and nowhere else.
func (h *handler) answer(w http.ResponseWriter, r *http.Request, serve func(*http.Request) (any, error)) {
	out, err := any(nil), admitted(r)
	if err == nil {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		out, err = serve(r)
	}
	if err != nil {
		refused := h.problem(r, err)
		write(w, "application/problem+json", refused.Status, refused)
		return
	}
	if out == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	write(w, "application/json", http.StatusOK, out)
}

func admitted(r *http.Request) error {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return &Error{Status: http.StatusUnauthorized, Detail: "a mesh certificate is needed"}
	}
	peer, err := identity.PeerOf(*r.TLS)
	if err != nil {
		return &Error{Status: http.StatusForbidden, Detail: err.Error()}
	}
	if identity.Namespace(peer.Identity) != mesh.SystemNamespace {
		return &Error{Status: http.StatusForbidden, Detail: fmt.Sprintf("%s is not of namespace %q", peer.Identity, mesh.SystemNamespace)}
	}
	return nil
}

func (h *handler) problem(r *http.Request, err error) *Error {
	if cause := context.Cause(r.Context()); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err) // why the call was ended says more than that it was
	}
	out, ok := errors.AsType[*Error](err)
	if !ok {
		out = &Error{Status: h.Status(err), Detail: err.Error()}
	}
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		out.Status = http.StatusRequestEntityTooLarge
	}
	if out.Status == 0 {
		h.Logger.Error("admin call", "method", r.Method, "path", r.URL.Path, "reason", err)
		out.Status = http.StatusInternalServerError
	}
	out.Title = http.StatusText(out.Status)
	return out
}

func write(w http.ResponseWriter, contentType string, status int, body any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller is gone, or a value is not JSON, which tests would show
}

// read takes a body apart strictly: an unknown field is a mistake to be told.
func read(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil && d.More() {
		err = errors.New("more than one value")
	}
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		return err
	}
	if err != nil {
		return &Error{Status: http.StatusBadRequest, Detail: "read body: " + err.Error()}
	}
	return nil
}

func readAll(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	return body, nil
}
