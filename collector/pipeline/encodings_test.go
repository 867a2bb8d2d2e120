package pipeline

import (
	"bytes"
	"compress/gzip"
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// TestEverySenderIsUnderstood: JSON and protobuf over HTTP, each plain, gzip and zstd.
func TestEverySenderIsUnderstood(t *testing.T) {
	c := testConfig(t, t.TempDir())
	r := start(t, c)
	td := ptrace.NewTraces()
	td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName("GET /")
	req := ptraceotlp.NewExportRequestFromTraces(td)
	proto, err := req.MarshalProto()
	must(t, err)
	text, err := req.MarshalJSON()
	must(t, err)
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", c.HTTPSocket)
		},
	}}
	defer client.CloseIdleConnections()
	send := func(kind, coding string, body []byte) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://collector/v1/traces", bytes.NewReader(body))
		must(t, err)
		req.Header.Set("Content-Type", kind)
		if coding != "" {
			req.Header.Set("Content-Encoding", coding)
		}
		resp, err := client.Do(req)
		must(t, err)
		must(t, resp.Body.Close())
		return resp.StatusCode
	}
	var sent uint64
	for kind, body := range map[string][]byte{"application/x-protobuf": proto, "application/json": text} {
		for coding, encoded := range map[string][]byte{"": body, "gzip": gzipped(t, body), "zstd": zstandard(t, body)} {
			if got := send(kind, coding, encoded); got != http.StatusOK {
				t.Errorf("%s %s is answered with %d", kind, coding, got)
			}
			sent++
		}
	}
	until(t, "all are stored", func() bool { return r.traces().Stored == sent })
	for kind, body := range map[string]string{
		"application/json":       `{"resourceSpans": [`,
		"application/x-protobuf": "\x0a\xff",
	} {
		if got := send(kind, "", []byte(body)); got != http.StatusBadRequest {
			t.Errorf("malformed %s is answered with %d", kind, got)
		}
	}
	if got := send("text/plain", "", text); got != http.StatusUnsupportedMediaType {
		t.Errorf("text is answered with %d", got)
	}
}

func gzipped(t *testing.T, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(body)
	must(t, err)
	must(t, w.Close())
	return b.Bytes()
}

func zstandard(t *testing.T, body []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	must(t, err)
	defer w.Close()
	return w.EncodeAll(body, nil)
}
