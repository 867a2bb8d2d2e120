package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// TestObjectiveAlerts applies an OpenSLO objective, breaks a service that has no second
// version to turn to, and waits for the alert at an Alertmanager.
func TestObjectiveAlerts(t *testing.T) {
	posted := make(chan string, 100)
	alertmanager := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var alerts []struct{ Labels map[string]string }
		if r.URL.Path != "/api/v2/alerts" || json.NewDecoder(r.Body).Decode(&alerts) != nil {
			http.Error(w, "not the v2 API", http.StatusBadRequest)
			return
		}
		for _, a := range alerts {
			select {
			case posted <- a.Labels["alertname"] + " " + a.Labels["severity"]:
			default: // the test has seen enough
			}
		}
	}))
	defer alertmanager.Close()
	m := startDemo(t, "--rps", "30", "--alertmanager", alertmanager.URL, "--fault", "errors@users,at=10s,for=10m")
	manifest, err := os.ReadFile(filepath.Join("..", "..", "deploy", "examples", "slo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	m.mustApply(t, string(manifest))
	select {
	case got := <-posted:
		if !strings.Contains(got, "page") {
			t.Errorf("alert %q, want a page", got)
		}
	case <-time.After(3 * time.Minute):
		t.Fatal("no alert within three minutes of a service failing half of the gateway's requests")
	}
	var status struct {
		SLOs   []struct{ Name, State string } `json:"slos"`
		Alerts []signal.Alert
	}
	m.get(t, "/api/v1/slos", &status)
	m.get(t, "/api/v1/alerts", &status)
	if len(status.SLOs) != 1 || status.SLOs[0].Name != "gateway-answers" || len(status.Alerts) == 0 {
		t.Errorf("status %+v, want the objective and its alert", status)
	}
	var prom struct {
		Status string
		Data   struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	m.get(t, `/prometheus/api/v1/query?query=sum+by(destination_service_name)(rate(istio_requests_total%7Breporter%3D%22destination%22%7D%5B10s%5D))`, &prom)
	if prom.Status != "success" || len(prom.Data.Result) < 5 {
		t.Errorf("PromQL answered %+v, want rates by service", prom)
	}
	var alerts int
	for _, a := range status.Alerts {
		if a.State == "firing" {
			alerts++
		}
	}
	if alerts == 0 {
		t.Errorf("alerts %+v, want one that fires", status.Alerts)
	}
}
