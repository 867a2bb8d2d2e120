package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sightline-mesh/sightline/cmd/sightline/client"
	"github.com/sightline-mesh/sightline/ui/session"
)

// TestNodeSendsEveryType has OpenTelemetry's SDK of Node send spans over OTLP, in JSON and
// in protobuf, and reads what came of their attributes from the APIs of Jaeger and Tempo
// and from our own.
func TestNodeSendsEveryType(t *testing.T) {
	m := startMesh(t)
	install := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = "sender"
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	send := exec.CommandContext(t.Context(), "node", "send.mjs", "http://"+m.collector)
	send.Dir = "sender"
	out, err := send.Output()
	if err != nil {
		t.Fatalf("send: %v\n%s", err, out)
	}
	var ids map[string]string
	if err := json.Unmarshal(out, &ids); err != nil || len(ids) != 2 {
		t.Fatalf("the sender said %q: %v", out, err)
	}
	span := map[string]any{
		"text": "é\n", "text.empty": "", "int": int64(7), "int.most": int64(1<<53 - 1), "int.least": int64(-1<<53 + 1),
		"double": 0.5, "double.large": 1.5e-300, "bool": true, "bool.no": false,
		"list": []any{"a", ""}, "list.empty": []any{}, "list.numbers": []any{int64(1), 2.5}, "list.bools": []any{true, false},
	}
	want := []map[string]any{
		{"service.name": "node", "process.pid": int64(4711), "process.command_args": []any{"node", "send.mjs"}}, span, span,
	}
	for encoding, id := range ids {
		m.await(t, time.Minute, "the trace sent as "+encoding, func() bool {
			status, _ := m.fetch(t, "/api/v1/traces/"+id)
			return status == http.StatusOK
		})
		_, body := m.fetch(t, "/jaeger/api/v3/traces/"+id)
		var answer struct{ Result json.RawMessage }
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		ofJaeger, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(answer.Result)
		if err != nil {
			t.Fatal(err)
		}
		_, body = m.fetch(t, "/tempo/api/traces/"+id)
		ofTempo, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(body)
		if err != nil {
			t.Fatal(err)
		}
		for from, td := range map[string]ptrace.Traces{"Jaeger": ofJaeger, "Tempo": ofTempo} {
			rs := td.ResourceSpans().At(0)
			got := rs.ScopeSpans().At(0).Spans().At(0)
			all := []map[string]any{rs.Resource().Attributes().AsRaw(), got.Attributes().AsRaw(), got.Events().At(0).Attributes().AsRaw()}
			if diff := cmp.Diff(want, all); diff != "" {
				t.Errorf("%s by way of %s (-sent +got):\n%s", encoding, from, diff)
			}
		}
		var own struct {
			Spans []struct{ Attributes map[string]any }
		}
		m.get(t, "/api/v1/traces/"+id, &own)
		if got := own.Spans[0].Attributes; got["text.empty"] != "" || got["double"] != 0.5 || !cmp.Equal(got["list.numbers"], []any{1.0, 2.5}) {
			t.Errorf("%s by our own API: %v", encoding, got)
		}
	}
}

// fetch gets a path of the web app's address as whoever started the mesh.
func (m *mesh) fetch(t *testing.T, path string) (int, []byte) {
	t.Helper()
	token, err := client.TokenFile(filepath.Join(m.dir, "ui", session.TokenFile))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept", "application/protobuf, application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}
