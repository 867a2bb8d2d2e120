package admin

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func (h *handler) apply(r *http.Request) (any, error) {
	manifest, err := readAll(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	version, err := number[uint64](q, "version")
	if err != nil {
		return nil, err
	}
	var findings []mesh.Finding
	if version > 0 {
		findings, err = h.Config.Replace(r.Context(), manifest, version, q.Get("by"))
	} else {
		findings, err = h.Config.Apply(r.Context(), manifest, q.Get("by"), q.Get("dryRun") == "true")
	}
	if len(findings) > 0 { // a refusal is an answer like another one: the findings say it
		return applied{findings}, nil
	}
	return applied{[]mesh.Finding{}}, err
}

func (h *handler) resources(r *http.Request) (any, error) {
	return list(h.Config.Resources(r.Context(), r.URL.Query().Get("kind")))
}

func (h *handler) remove(r *http.Request) (any, error) {
	findings, err := h.Config.Delete(r.Context(), r.PathValue("kind"), r.PathValue("namespace"), r.PathValue("name"), r.URL.Query().Get("by"))
	if err != nil && len(findings) > 0 {
		return nil, &Error{Status: h.Status(err), Detail: err.Error(), Findings: findings}
	}
	return nil, err
}

func (h *handler) analyze(r *http.Request) (any, error) {
	return list(h.Config.Analyze(r.Context()))
}

const mostChanges = 1000 // in one answer

func (h *handler) history(r *http.Request) (any, error) {
	q := r.URL.Query()
	below, err := number[uint64](q, "below")
	if err != nil {
		return nil, err
	}
	limit, err := number[int](q, "limit")
	if err != nil {
		return nil, err
	}
	if limit <= 0 {
		limit = mesh.UsualChanges
	}
	return list(h.Config.History(r.Context(), HistoryQuery{
		Below: below, Limit: min(limit, mostChanges),
		Kind: q.Get("kind"), Namespace: q.Get("namespace"), Name: q.Get("name"),
	}))
}

func (h *handler) change(r *http.Request) (any, error) {
	change, err := changeOf(r)
	if err != nil {
		return nil, err
	}
	return h.Config.Change(r.Context(), change)
}

func changeOf(r *http.Request) (uint64, error) {
	change, err := strconv.ParseUint(r.PathValue("change"), 10, 64)
	if err != nil {
		return 0, &Error{Status: http.StatusBadRequest, Detail: "change: " + err.Error()}
	}
	return change, nil
}

func (h *handler) restore(r *http.Request) (any, error) {
	change, err := changeOf(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	out, err := h.Config.Restore(r.Context(), change, q.Get("by"), q.Get("dryRun") == "true")
	if len(out.Findings) > 0 { // as with apply, the findings say a refusal
		return out, nil
	}
	return out, err
}

// number is a parameter that is a number, 0 where it is missing.
func number[N uint64 | int](q url.Values, name string) (N, error) {
	text := q.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, &Error{Status: http.StatusBadRequest, Detail: name + ": " + err.Error()}
	}
	return N(n), nil
}

func (h *handler) slos(r *http.Request) (any, error) {
	return list(h.Config.SLOs(r.Context()))
}

func (h *handler) traffic(r *http.Request) (any, error) {
	s, err := service(r)
	if err != nil {
		return nil, err
	}
	return h.Traffic.Traffic(r.Context(), s)
}

func (h *handler) setTraffic(r *http.Request) (any, error) {
	s, err := service(r)
	if err != nil {
		return nil, err
	}
	var in setTraffic
	if err := read(r, &in); err != nil {
		return nil, err
	}
	return h.Traffic.SetTraffic(r.Context(), s, in.Weights, in.By)
}

func (h *handler) undoTraffic(r *http.Request) (any, error) {
	s, err := service(r)
	if err != nil {
		return nil, err
	}
	var in actor
	if err := read(r, &in); err != nil {
		return nil, err
	}
	return h.Traffic.UndoTraffic(r.Context(), s, in.By)
}

func (h *handler) verdicts(r *http.Request) (any, error) {
	return list(h.Breakers.Verdicts(r.Context()))
}

func (h *handler) trip(r *http.Request) (any, error) {
	var in trip
	if err := read(r, &in); err != nil {
		return nil, err
	}
	if in.Target.Service == "" {
		return nil, &Error{Status: http.StatusBadRequest, Detail: "target.service: must be given"}
	}
	return h.Breakers.Trip(r.Context(), in.Target, in.Reason, in.By)
}

func (h *handler) release(r *http.Request) (any, error) {
	var in actor
	if err := read(r, &in); err != nil {
		return nil, err
	}
	return nil, h.Breakers.Release(r.Context(), r.PathValue("id"), in.By)
}

func (h *handler) hold(r *http.Request) (any, error) {
	var in actor
	if err := read(r, &in); err != nil {
		return nil, err
	}
	return nil, h.Breakers.Hold(r.Context(), r.PathValue("id"), in.By)
}

func (h *handler) report(r *http.Request) (any, error) {
	var in []mesh.Observation
	if err := read(r, &in); err != nil {
		return nil, err
	}
	return nil, h.Report(r.Context(), in, r.URL.Query().Get("from"))
}

func (h *handler) events(r *http.Request) (any, error) {
	q := r.URL.Query()
	limit, err := number[int](q, "limit")
	if err != nil {
		return nil, err
	}
	return list(h.Events(r.Context(), EventQuery{
		After:   q.Get("after"),
		Since:   q.Get("since"),
		Limit:   limit,
		Kind:    mesh.EventKind(q.Get("kind")),
		Service: mesh.ServiceName(q.Get("service")),
	}))
}

func (h *handler) proxies(r *http.Request) (any, error) {
	return list(h.Proxies(r.Context(), r.URL.Query().Get("own") == "true"))
}

func (h *handler) propagation(r *http.Request) (any, error) {
	return h.Propagation(r.Context(), r.URL.Query().Get("own") == "true")
}

func (h *handler) replicas(r *http.Request) (any, error) {
	return list(h.Replicas(r.Context()))
}

func (h *handler) unreadable(r *http.Request) (any, error) {
	return list(h.Unreadable(r.Context()))
}

func (h *handler) discard(r *http.Request) (any, error) {
	q := r.URL.Query()
	return nil, h.Discard(r.Context(), q.Get("table"), q.Get("key"), q.Get("by"))
}

func (h *handler) duty(r *http.Request) (any, error) {
	var in duty
	if err := read(r, &in); err != nil {
		return nil, err
	}
	if in.Holder == "" {
		return nil, &Error{Status: http.StatusBadRequest, Detail: "holder: must be given"}
	}
	held, err := h.Duty(r.Context(), r.PathValue("duty"), in.Holder)
	return duty{Holder: in.Holder, Held: held}, err
}

func (h *handler) createToken(r *http.Request) (any, error) {
	var in TokenRequest
	if err := read(r, &in); err != nil {
		return nil, err
	}
	made, err := h.CreateToken(r.Context(), in)
	return token{made}, err
}

// list is never null.
func list[T any](in []T, err error) (any, error) {
	if in == nil {
		in = []T{}
	}
	return in, err
}

// service takes any spelling of a service's name.
func service(r *http.Request) (mesh.ServiceName, error) {
	s, err := mesh.ResolveHost(r.PathValue("service"), "")
	if err != nil {
		return "", &Error{Status: http.StatusBadRequest, Detail: err.Error()}
	}
	return s, nil
}

// reading is what a clock says.
type reading struct {
	Now time.Time `json:"now"`
}

func (h *handler) clock(*http.Request) (any, error) {
	if h.Clock != nil {
		return reading{h.Clock()}, nil
	}
	return reading{time.Now().UTC()}, nil
}
