package up

import (
	"context"
	"errors"

	"github.com/sightline-mesh/sightline/collector/answer"
	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/ui/api"
)

// acts joins the UI's verbs to the control plane's admin API.
func acts(d *api.Deps, c *admin.Client) {
	d.Traffic, d.Breakers, d.Config, d.Proxies = c, c, c, c
	d.Propagation, d.Unreadable, d.Discard = c.Propagation, c.Unreadable, c.Discard
	d.Trip, d.Release, d.Hold = c.Trip, c.Release, c.Hold
	d.UndoTraffic = c.UndoTraffic
	d.DeleteConfig, d.Tap, d.Replicas = c.Delete, c.Tap, c.Replicas
	d.Identity = identities{c}
	d.Events = func(ctx context.Context, q api.EventQuery) ([]mesh.Event, error) {
		return c.Events(ctx, admin.EventQuery{
			After: q.After, Limit: q.Limit, Kind: mesh.EventKind(q.Kind), Service: mesh.ServiceName(q.Service),
		})
	}
	d.Restore, d.Change = c.Restore, c.Change
	d.History = func(ctx context.Context, q api.HistoryQuery) ([]mesh.Change, error) {
		return c.History(ctx, admin.HistoryQuery{Below: q.Below, Limit: q.Limit, Kind: q.Kind, Namespace: q.Namespace, Name: q.Name})
	}
	d.CreateToken = func(ctx context.Context, r api.TokenRequest) (string, error) {
		return c.CreateToken(ctx, admin.TokenRequest{TTL: r.TTL, Uses: r.Uses, Service: r.Service, Namespace: r.Namespace, By: r.By})
	}
}

// identities are the CA and its join tokens in the UI's words.
type identities struct{ *admin.Client }

func (i identities) Rotate(ctx context.Context, r api.RotateRequest) (mesh.Authority, error) {
	return i.Client.Rotate(ctx, admin.RotateRequest{Force: r.Force, Abandon: r.Abandon, By: r.By})
}

func (i identities) Revoke(ctx context.Context, r api.RevokeRequest) (mesh.Revocation, error) {
	return i.Client.Revoke(ctx, admin.RevokeRequest{What: r.What, Reason: r.Reason, By: r.By})
}

// status is the HTTP status of an error of the parts behind the API, 0 for one it
// does not know.
func status(err error) int {
	if a, ok := errors.AsType[*admin.Error](err); ok {
		return a.Status
	}
	return answer.OfStore(err)
}
