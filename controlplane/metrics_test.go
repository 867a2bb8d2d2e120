package controlplane

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"github.com/sightline-mesh/sightline/controlplane/admin"
)

// withMetrics is a control plane that serves its figures, and the page's URL.
func withMetrics(t *testing.T) (*plant, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := newPlantWith(t, Deps{Metrics: l})
	return p, "http://" + l.Addr().String() + "/metrics"
}

func read(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, res.Status, err)
	}
	return string(body)
}

// TestFiguresFollowTheMesh: what two sidecars and a change do is on the page.
func TestFiguresFollowTheMesh(t *testing.T) {
	t.Parallel()
	p, url := withMetrics(t)
	c := p.admin()
	token := p.token(c)
	web := p.sidecar(token, workload("web", "v1", "web-1"), "reviews")
	p.sidecar(token, workload("reviews", "v1", "reviews-1"))
	web.until(t, "arrival of reviews", "reviews", instances(1))
	authority, err := c.Authority(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"sightline_controlplane_leader 1", "sightline_controlplane_replicas 1",
		`sightline_push_sidecars{state="in_sync"} 2`, "sightline_push_streams_total 2", "sightline_config_propagation_seconds_count 1",
		`sightline_registry_instances{state="ready"} 2`, "sightline_registry_services 2",
		`sightline_ca_certificates_issued_total{reason="enrolment"} 3`, `sightline_ca_certificate_alarm{fingerprint="` + authority.Signing.Fingerprint + `",role="signing"} 0`,
		`sightline_ca_certificate_seconds_left{fingerprint="` + authority.Roots[0].Fingerprint + `",role="root"} `,
		`sightline_ca_rotation_phase{phase="steady"} 1`, `sightline_store_request_duration_seconds_count{operation="commit",outcome="ok"} `,
		"sightline_store_size_bytes ", "go_goroutines ", "process_open_fds ", "go_build_info",
	}
	var page, missing string
	eventually(t, "figures of two sidecars", func() bool {
		page = read(t, url)
		i := slices.IndexFunc(want, func(w string) bool { return !strings.Contains(page, w) })
		if i < 0 {
			return true
		}
		missing = want[i]
		return false
	})
	if t.Failed() {
		t.Errorf("no %q in\n%s", missing, page)
	}
	families, err := c.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == "sightline_push_streams_total" })
	if at < 0 || families[at].GetMetric()[0].GetCounter().GetValue() != 2 {
		t.Errorf("the mesh's own parts are told %v, want 2 streams", families)
	}
	if slices.ContainsFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == "go_goroutines" }) {
		t.Error("the mesh's own parts are told of the process: they have such figures of their own")
	}
}

// TestFiguresAreForTheMeshsOwnParts: a sidecar is refused, and the error says why.
func TestFiguresAreForTheMeshsOwnParts(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	src := p.join(p.token(p.admin()), workload("web", "v1", "web-1"), "")
	c := admin.NewClient(p.address, src.ClientTLS(src.ControlPlane()))
	defer c.Close()
	if all, err := c.Metrics(t.Context()); err == nil || !strings.Contains(err.Error(), "sightline") {
		t.Errorf("%d figures, %v; want a refusal that names the namespace", len(all), err)
	}
}
