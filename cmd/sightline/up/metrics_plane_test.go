package up

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

type plane struct {
	told mesh.Propagation
	err  error
}

func (p plane) Propagation(context.Context) (mesh.Propagation, error) { return p.told, p.err }

func TestPropagationIsOnTheMetricsPage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		plane plane
		want  []string
		not   string
	}{
		{
			plane{told: mesh.Propagation{Count: 3, Sum: 0.3, Buckets: []mesh.Bucket{{Le: 0.05, Count: 1}, {Le: 0.25, Count: 2}}}},
			[]string{
				`sightline_config_propagation_seconds_bucket{le="0.05"} 1`, `sightline_config_propagation_seconds_bucket{le="0.25"} 2`,
				`sightline_config_propagation_seconds_bucket{le="+Inf"} 3`, "sightline_config_propagation_seconds_sum 0.3", "sightline_controlplane_up 1",
			},
			"sightline_controlplane_up 0",
		},
		{plane{err: errors.New("away")}, []string{"sightline_controlplane_up 0"}, "propagation"},
	} {
		r := prometheus.NewRegistry()
		r.MustRegister(planeMetrics{c.plane})
		w := httptest.NewRecorder()
		promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		for _, want := range c.want {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("no %q in\n%s", want, w.Body)
			}
		}
		if strings.Contains(w.Body.String(), c.not) {
			t.Errorf("%q in\n%s", c.not, w.Body)
		}
	}
}
