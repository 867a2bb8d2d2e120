package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/ca"
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
		issuer:    p.authority,
		leaves:    p.leaves,
		holders:   p.holders,
		tokens:    p.tokens,
		registry:  p.registry,
		hub:       p.hub,
		frames:    p.frames,
		taps:      p.taps,
		gate:      p.gate,
		progress:  p.progress,
		tally:     p.tally,
		epoch:     p.epoch,
		drain:     p.cfg.Drain,
		log:       p.deps.Logger,
	}, connect.WithReadMaxBytes(maxMessage), uncompressed))
	api := admin.NewHandler(admin.Deps{
		Config:      configuration{p.resources},
		Traffic:     p.traffic,
		Breakers:    p.remedy,
		Events:      p.listEvents,
		Report:      p.report,
		Proxies:     p.proxies,
		Propagation: p.propagation,
		Replicas:    p.listReplicas,
		Unreadable:  p.unreadable,
		Discard:     p.discard,
		Duty:        p.takeDuty,
		Backup:      p.backup,
		Metrics:     promhttp.HandlerFor(p.registered, promhttp.HandlerOpts{}),
		CreateToken: p.createToken,
		Identity:    identities{p},
		Sealing:     p.sealing,
		Reseal:      p.reseal,
		Tap:         p.tap,
		Status:      status,
		Logger:      p.deps.Logger,
	})
	mux.Handle("/admin/v1/", api)
	mux.Handle("/admin/v1/taps", p.whileTrusted(api)) // it lasts
	return mux
}

// status is the HTTP status of an error that the caller can do something about.
func status(err error) int {
	switch {
	case errors.Is(err, resource.ErrRefused), errors.Is(err, store.ErrTooMuch):
		return http.StatusUnprocessableEntity
	case errors.Is(err, tap.ErrBadTap), errors.Is(err, ca.ErrBadRevocation), errors.Is(err, token.ErrBadScope):
		return http.StatusBadRequest
	case errors.Is(err, tap.ErrTooMany):
		return http.StatusTooManyRequests
	case errors.Is(err, traffic.ErrNothingToUndo), errors.Is(err, store.ErrConflict), errors.Is(err, resource.ErrStale), errors.Is(err, remedy.ErrChanged), errors.Is(err, remedy.ErrAlreadyTripped),
		errors.Is(err, errLagging), errors.Is(err, ca.ErrPhase), errors.Is(err, ca.ErrSealing), errors.Is(err, errUngiven), errors.Is(err, ca.ErrTooManyRevoked):
		return http.StatusConflict
	case errors.Is(err, remedy.ErrNotLeading):
		return http.StatusServiceUnavailable
	case store.Away(err), errors.Is(err, errAway):
		return http.StatusGatewayTimeout // what was asked for may have been done or not
	case errors.Is(err, store.ErrNotFound), errors.Is(err, token.ErrUnknown), errors.Is(err, resource.ErrNoSuchChange), errors.Is(err, remedy.ErrUnknownVerdict), errors.Is(err, remedy.ErrUnknownTarget):
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

// History is what changed.
func (c configuration) History(ctx context.Context, q admin.HistoryQuery) ([]mesh.Change, error) {
	return c.Keeper.History(ctx, q.Below, q.Limit, resource.Ref{Kind: q.Kind, Namespace: q.Namespace, Name: q.Name})
}

// grants keeps join tokens in the store.
type grants struct {
	s *store.Store
	store.Table[token.Grant]
}

// All are the grants there are. One that cannot be read allows nothing.
func (g grants) All(ctx context.Context) (map[string]token.Grant, error) {
	items, unread, _, err := g.Readable(ctx)
	out := make(map[string]token.Grant, len(items))
	for _, i := range items {
		out[i.Key] = i.Value
	}
	for _, u := range unread {
		out[u.Key] = token.Grant{Unreadable: true}
	}
	return out, err
}

// Remove takes grants out.
func (g grants) Remove(ctx context.Context, ids ...string) error {
	for _, id := range ids { // each by itself: a cluster bounds what is one change
		if err := g.s.Commit(ctx, nil, g.Delete(id)); err != nil {
			return err
		}
	}
	return nil
}

// Update replaces a grant, token.ErrUnknown when there is none and token.ErrUnreadable when
// it cannot be read.
func (g grants) Update(ctx context.Context, id string, change func(token.Grant) (token.Grant, error)) error {
	err := g.Table.Update(ctx, id, change)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("%w: %w", token.ErrUnknown, err)
	case errors.Is(err, store.ErrUnreadable):
		return fmt.Errorf("%w: %w", token.ErrUnreadable, err)
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

// identities are the CA and its join tokens as the API names things.
type identities struct{ p *plane }

// Authority is how the CA stands.
func (i identities) Authority(ctx context.Context) (mesh.Authority, error) { return i.p.standing(ctx) }

// Holders are who is connected with a certificate.
func (i identities) Holders(ctx context.Context, own bool) (mesh.Holders, error) {
	return i.p.certificateHolders(ctx, own)
}

// Rotate takes a rotation one step further.
func (i identities) Rotate(ctx context.Context, r admin.RotateRequest) (mesh.Authority, error) {
	if r.Abandon {
		return i.p.abandonRotation(ctx, r.By)
	}
	return i.p.rotate(ctx, r.By, r.Force)
}

// Revoke takes certificates back.
func (i identities) Revoke(ctx context.Context, r admin.RevokeRequest) (mesh.Revocation, error) {
	return i.p.revoke(ctx, r.What, r.By, r.Reason)
}

// Tokens are the join tokens there are.
func (i identities) Tokens(ctx context.Context) ([]mesh.JoinToken, error) {
	return i.p.tokens.List(ctx)
}

// RevokeToken ends one.
func (i identities) RevokeToken(ctx context.Context, id, by string) error {
	if err := i.p.tokens.Revoke(ctx, id); err != nil {
		return err
	}
	i.p.tell(mesh.Event{Kind: mesh.EventConfig, By: by, Summary: "revoked join token " + id, Detail: map[string]string{"token": id}})
	return nil
}
