package pipeline

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// What a sidecar says in a request's header is held against what comes.
func TestStatementsComeWithRequests(t *testing.T) {
	c := testConfig(t, t.TempDir())
	r := start(t, c)
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", c.HTTPSocket)
		},
	}}
	defer client.CloseIdleConnections()
	body, err := ptraceotlp.NewExportRequestFromTraces(spans("a", "b")).MarshalProto()
	must(t, err)
	for _, told := range []signal.Told{{Made: 2}, {Made: 9, Acknowledged: 2, Dropped: map[string]uint64{"queue full": 4}}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://collector/v1/traces", bytes.NewReader(body))
		must(t, err)
		req.Header.Set("Content-Type", "application/x-protobuf")
		req.Header.Set(signal.StatementHeader, signal.Statement{Process: "p", Instance: "web-1", Signals: map[string]signal.Told{"traces": told}}.String())
		resp, err := client.Do(req)
		must(t, err)
		must(t, resp.Body.Close())
		if resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
	}
	must(t, r.send(t.Context(), "an app's")) // says nothing
	want := &signal.Sent{Processes: 1, Made: 9, Received: 4, InFlight: 1, Dropped: map[string]uint64{"queue full": 4}}
	got := r.traces()
	if diff := cmp.Diff(want, got.Sidecars); diff != "" || got.Received != 5 {
		t.Errorf("%d received (-want +got):\n%s", got.Received, diff)
	}
}
