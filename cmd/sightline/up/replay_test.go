package up

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/ui/api"
)

const split = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]}
`

// plain is a control plane with one route, and a store with one request that is held
// until the test has looked.
type plain struct{ begun, resume chan struct{} }

func (plain) Resources(context.Context, string) ([]mesh.Resource, error) {
	return []mesh.Resource{{Kind: "VirtualService", Namespace: "default", Name: "reviews", Manifest: split}}, nil
}

func (plain) Proxies(context.Context) ([]mesh.ProxyStatus, error) {
	return []mesh.ProxyStatus{{Instance: mesh.Instance{ID: "r", Service: "reviews", State: mesh.Ready}}}, nil
}

func (p plain) Recorded(_ context.Context, _ signal.RecordedQuery, each func(*signal.Recorded) error) error {
	close(p.begun)
	<-p.resume
	return each(&signal.Recorded{Reporter: signal.Source, Service: "web", Authority: "reviews", Method: "GET", Path: "/"})
}

func TestReplayJoinsConfigurationAndStore(t *testing.T) {
	p := plain{make(chan struct{}), make(chan struct{})}
	r := &replays{plane: p, store: p}
	candidate := []byte(strings.Replace(split, "route: [{destination: {host: reviews}}]", "directResponse: {status: 503}", 1))
	done := make(chan mesh.Replay)
	go func() {
		out, err := r.run(t.Context(), candidate, signal.Window{}, 10)
		if err != nil {
			t.Error(err)
		}
		done <- out
	}()
	<-p.begun
	_, err := r.run(t.Context(), candidate, signal.Window{}, 10)
	if got, ok := errors.AsType[*api.Problem](err); !ok || got.Status != http.StatusTooManyRequests {
		t.Errorf("a second one meanwhile: %v, want 429", err)
	}
	close(p.resume)
	if out := <-done; out.Changed != 1 || out.Changes[0].Was != "reviews" || out.Changes[0].Becomes != "503 by reviews[0]" {
		t.Errorf("got %+v", out)
	}
	for manifest, want := range map[string]string{
		"kind: x": "cannot be read",
		strings.Replace(split, "host: reviews}", "host: reviews, subset: v1}", 1): `no subset "v1"`,
	} {
		_, err := r.run(t.Context(), []byte(manifest), signal.Window{}, 10)
		if got, ok := errors.AsType[*api.Problem](err); !ok || got.Status != http.StatusUnprocessableEntity || !strings.Contains(got.Detail, want) {
			t.Errorf("%v, want 422 and %q", err, want)
		}
	}
}
