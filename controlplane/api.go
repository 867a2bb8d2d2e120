package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"connectrpc.com/connect"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/event"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/remedy"
	"github.com/sightline-mesh/sightline/controlplane/resource"
	"github.com/sightline-mesh/sightline/controlplane/store"
	"github.com/sightline-mesh/sightline/controlplane/tap"
	"github.com/sightline-mesh/sightline/controlplane/token"
	"github.com/sightline-mesh/sightline/controlplane/traffic"
	"github.com/sightline-mesh/sightline/controlplane/wire/wireconnect"
)

// maxMessage bounds what a sidecar may say at once: some ten thousand service names.
const maxMessage = 1 << 20

// uncompressed sends no gzip, which sidecars of old ask for: it would be made anew for
// every sidecar of a mesh, of snapshots that are encoded once.
var uncompressed = connect.WithCompression("gzip", nil, nil)

// routes is all there is on the listener.
func (p *plane) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(wireconnect.NewControlPlaneHandler(&service{
		authority: p.authority,
		tokens:    p.tokens,
		registry:  p.registry,
		hub:       p.hub,
		frames:    p.frames,
		taps:      p.taps,
		gate:      p.gate,
		progress:  p.progress,
		epoch:     p.epoch,
		log:       p.deps.Logger,
	}, connect.WithReadMaxBytes(maxMessage), uncompressed))
	mux.Handle("/admin/v1/", admin.NewHandler(admin.Deps{
		Config:      configuration{p.resources},
		Traffic:     p.traffic,
		Breakers:    p.remedy,
		Events:      p.listEvents,
		Report:      p.report,
		Proxies:     p.proxies,
		Replicas:    p.listReplicas,
		CreateToken: p.createToken,
		Tap:         p.tap,
		Status:      status,
		Logger:      p.deps.Logger,
	}))
	return mux
}

// status is the HTTP status of an error that the caller can do something about.
func status(err error) int {
	switch {
	case errors.Is(err, resource.ErrRefused):
		return http.StatusUnprocessableEntity
	case errors.Is(err, tap.ErrBadTap):
		return http.StatusBadRequest
	case errors.Is(err, tap.ErrTooMany):
		return http.StatusTooManyRequests
	case errors.Is(err, traffic.ErrNothingToUndo), errors.Is(err, store.ErrConflict), errors.Is(err, remedy.ErrChanged), errors.Is(err, remedy.ErrAlreadyTripped):
		return http.StatusConflict
	case errors.Is(err, remedy.ErrNotLeading):
		return http.StatusServiceUnavailable
	case errors.Is(err, store.ErrNotFound), errors.Is(err, remedy.ErrUnknownVerdict), errors.Is(err, remedy.ErrUnknownTarget):
		return http.StatusNotFound
	}
	return 0
}

// configuration is the keeper as the API names things.
type configuration struct{ *resource.Keeper }

// Delete removes one resource.
func (c configuration) Delete(ctx context.Context, kind, namespace, name, by string) ([]mesh.Finding, error) {
	return c.Keeper.Delete(ctx, resource.Ref{Kind: kind, Namespace: namespace, Name: name}, by)
}

// grants keeps join tokens in the store.
type grants struct{ store.Table[token.Grant] }

// Update replaces a grant, token.ErrUnknown when there is none.
func (g grants) Update(ctx context.Context, id string, change func(token.Grant) (token.Grant, error)) error {
	err := g.Table.Update(ctx, id, change)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%w: %w", token.ErrUnknown, err)
	}
	return err
}

func (p *plane) listEvents(ctx context.Context, q admin.EventQuery) ([]mesh.Event, error) {
	return p.events.List(ctx, event.Query{After: q.After, Since: q.Since, Limit: q.Limit, Kind: q.Kind, Service: q.Service})
}

// tap opens a live look at requests. Who looks is on the timeline.
func (p *plane) tap(asked mesh.Tap, by string, own bool) (admin.Look, error) { //nolint:revive // the API's own flag
	l, err := p.openLook(asked, by, own)
	if err != nil || own { // the one that passes it on has told
		return l, err
	}
	p.tell(mesh.Event{
		Kind: mesh.EventConfig, Target: asked.Target, By: by,
		Summary: "taps requests of " + asked.Target.String(),
		Detail: map[string]string{
			"direction": asked.Direction, "peer": string(asked.Peer), "method": asked.Method, "path": asked.Path,
			"status": asked.Status, "headers": strconv.FormatBool(asked.Headers),
		},
	})
	return l, nil
}

func (p *plane) createToken(ctx context.Context, r admin.TokenRequest) (string, error) {
	t, err := p.tokens.Create(ctx, token.Scope{TTL: r.TTL, Uses: r.Uses, Service: r.Service, Namespace: r.Namespace, By: r.By})
	if err != nil {
		return "", err
	}
	p.tell(mesh.Event{
		Kind:    mesh.EventConfig,
		Target:  mesh.Target{Service: mesh.ServiceName(r.Service)},
		Summary: "made join token " + t.ID,
		By:      r.By,
		Detail:  map[string]string{"token": t.ID, "service": r.Service, "namespace": r.Namespace, "uses": strconv.Itoa(r.Uses), "ttl": r.TTL.String()},
	})
	return t.String(), nil
}
