package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestWhatTheSidecarLinks keeps the sidecar lean: one runs beside every copy of every
// service, and whatever it links may have a hole in it.
func TestWhatTheSidecarLinks(t *testing.T) {
	bans := []struct{ prefix, why string }{
		{"github.com/gin-gonic/gin", "the admin page is net/http"},
		{"github.com/ClickHouse/", "storage belongs to the collector"},
		{"github.com/ebitengine/purego", "the engine belongs to the store"},
		{"github.com/prometheus/", "the metrics page is some lines of text, queries belong to the collector"},
		{"go.etcd.io/", "state belongs to the control plane"},
		{"go.opentelemetry.io/", "OTLP is encoded from the records themselves, without an SDK's allocations"},
		{"cel.dev/cel-go", "the control plane reads expressions, and sends what they come to"},
		{"google.golang.org/grpc", "gRPC is forwarded as frames; the control plane is spoken to with Connect"},
		{"k8s.io/", "configuration comes compiled from the control plane"},
		{"istio.io/", "configuration comes compiled from the control plane"},
		{"sigs.k8s.io/", "configuration comes compiled from the control plane"},
		{"github.com/spf13/", "one command needs no command library"},
		{"html/template", "it renders no pages, and template keeps the linker from dropping methods"},
		{"text/template", "it renders no pages, and template keeps the linker from dropping methods"},
		{"database/sql", "storage belongs to the collector"},
		{"github.com/sightline-mesh/sightline/collector/clickhouse", "storage belongs to the collector"},
		{"github.com/sightline-mesh/sightline/topology", "watching the mesh is not a sidecar's work"},
		{"github.com/sightline-mesh/sightline/ui", "the sidecar has no pages for people"},
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for dep := range strings.Lines(string(out)) {
		dep = strings.TrimSpace(dep)
		for _, b := range bans {
			if strings.HasPrefix(dep, b.prefix) {
				t.Errorf("the sidecar links %s: %s", dep, b.why)
			}
		}
	}
}
