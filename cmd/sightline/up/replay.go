package up

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/sightline-mesh/sightline/cmd/sightline/replay"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/ui/api"
)

// configured is what a replay asks the control plane.
type configured interface {
	Resources(ctx context.Context, kind string) ([]mesh.Resource, error)
	Proxies(ctx context.Context) ([]mesh.ProxyStatus, error)
}

// replays joins the control plane's configuration to the store's requests. There is one
// at a time: each reads as much as the store gives.
type replays struct {
	plane configured
	store replay.Store
	one   sync.Mutex
}

func (r *replays) run(ctx context.Context, manifest []byte, w signal.Window, limit int) (mesh.Replay, error) {
	if !r.one.TryLock() {
		return mesh.Replay{}, refusal(http.StatusTooManyRequests, "another replay is under way; try again when it is done")
	}
	defer r.one.Unlock()
	in, err := r.input(ctx, manifest)
	if err != nil {
		return mesh.Replay{}, err
	}
	out, err := replay.New(in).Run(ctx, r.store, w, limit)
	if errors.Is(err, replay.ErrRefused) {
		return out, refusal(http.StatusUnprocessableEntity, err.Error())
	}
	return out, err
}

func (r *replays) input(ctx context.Context, manifest []byte) (replay.Input, error) {
	var in replay.Input
	candidate, bad := config.Read(manifest)
	if len(bad) > 0 {
		p := refusal(http.StatusUnprocessableEntity, "the candidate cannot be read: "+config.Line(bad[0]))
		p.Findings = bad
		return in, p
	}
	stored, err := r.plane.Resources(ctx, "")
	if err != nil {
		return in, fmt.Errorf("read configuration: %w", err)
	}
	for _, s := range stored {
		objects, err := config.Parse([]byte(s.Manifest))
		if err != nil {
			return in, fmt.Errorf("read stored %s %s/%s: %w", s.Kind, s.Namespace, s.Name, err)
		}
		in.Before = append(in.Before, objects...)
	}
	in.After = with(in.Before, candidate)
	proxies, err := r.plane.Proxies(ctx)
	if err != nil {
		return in, fmt.Errorf("read proxies: %w", err)
	}
	for _, p := range proxies {
		in.Instances = append(in.Instances, p.Instance)
	}
	return in, nil
}

// with is the configuration once the candidate is applied.
func with(before, candidate []config.Object) []config.Object {
	replaced := func(o config.Object) bool {
		return slices.ContainsFunc(candidate, func(c config.Object) bool { return c.Key() == o.Key() })
	}
	return append(slices.DeleteFunc(slices.Clone(before), replaced), candidate...)
}

func refusal(status int, detail string) *api.Problem {
	return &api.Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}
