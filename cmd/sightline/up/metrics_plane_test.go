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
	dto "github.com/prometheus/client_model/go"
)

type plane struct {
	told prometheus.Gatherer
	err  error
}

func (p plane) Metrics(context.Context) ([]*dto.MetricFamily, error) {
	if p.err != nil {
		return nil, p.err
	}
	return p.told.Gather()
}

// TestControlPlanesFiguresAreOnThePage beside this process's own, and missing, with a
// word on it, while it does not answer.
func TestControlPlanesFiguresAreOnThePage(t *testing.T) {
	t.Parallel()
	told := prometheus.NewRegistry()
	leads := prometheus.NewGauge(prometheus.GaugeOpts{Name: "sightline_controlplane_leader", Help: "Leads."})
	leads.Set(1)
	told.MustRegister(leads)
	own := prometheus.NewRegistry()
	own.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "sightline_pipeline_queued", Help: "Queued."}))
	for _, c := range []struct {
		plane plane
		want  []string
		not   string
	}{
		{plane{told: told}, []string{"sightline_controlplane_leader 1", "sightline_controlplane_up 1", "sightline_pipeline_queued 0"}, "sightline_controlplane_up 0"},
		{plane{err: errors.New("away")}, []string{"sightline_controlplane_up 0", "sightline_pipeline_queued 0"}, "leader"},
	} {
		w := httptest.NewRecorder()
		page := promhttp.HandlerFor(prometheus.Gatherers{own, planeFigures{c.plane}}, promhttp.HandlerOpts{})
		page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		for _, want := range c.want {
			if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
				t.Errorf("%d, no %q in\n%s", w.Code, want, w.Body)
			}
		}
		if strings.Contains(w.Body.String(), c.not) {
			t.Errorf("%q in\n%s", c.not, w.Body)
		}
	}
}
