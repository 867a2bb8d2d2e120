package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sightline-mesh/sightline/collector/account"
)

func testLogger(t *testing.T) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func TestAcknowledgedIsStored(t *testing.T) {
	r := start(t, testConfig(t, t.TempDir()))
	if err := r.send(t.Context(), "a", "b"); err != nil {
		t.Fatal(err)
	}
	until(t, "both are stored", func() bool { return r.traces().Stored == 2 })
	if p := r.traces(); p.Received != 2 || p.Queued != 0 {
		t.Errorf("%+v", p)
	}
}

// post sends one metric point over HTTP and returns the status of the answer.
func post(t *testing.T, c Config) int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", c.HTTPSocket)
		},
	}}
	defer client.CloseIdleConnections()
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("up")
	m.SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1)
	body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://collector/v1/metrics", bytes.NewReader(s2.EncodeSnappy(nil, body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", "snappy") // as sidecars do
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Logf("%s: %q", resp.Status, answer)
	}
	return resp.StatusCode
}

func TestHTTP(t *testing.T) {
	c := testConfig(t, t.TempDir())
	r := start(t, c)
	if got := post(t, c); got != http.StatusOK {
		t.Fatalf("status %d", got)
	}
	until(t, "the point is stored", func() bool { return r.ledger.Accounting()[2].Stored == 1 })
}

// A sidecar keeps what is answered with 503, so that must be what a refusal looks like.
func TestRefusalOverHTTPMeansLater(t *testing.T) {
	c := testConfig(t, t.TempDir())
	c.MemoryMiB = 16
	ballast := make([]byte, 32<<20)
	r := start(t, c)
	until(t, "memory is checked", func() bool { return post(t, c) != http.StatusOK })
	if got := post(t, c); got != http.StatusServiceUnavailable {
		t.Errorf("status %d", got)
	}
	if got := r.ledger.RefusedItems()[account.Metrics]; got != 0 {
		t.Errorf("%d refused by the queue; the memory limiter stands before it", got)
	}
	runtime.KeepAlive(ballast)
}

func TestStoreAway(t *testing.T) {
	r := start(t, testConfig(t, t.TempDir()), func(s *store) { s.away.Store(true) })
	if err := r.send(t.Context(), "a", "b", "c"); err != nil {
		t.Fatal(err)
	}
	if p := r.traces(); p.Received != 3 || p.Queued != 3 {
		t.Errorf("while away: %+v", p)
	}
	r.store.away.Store(false)
	until(t, "all is stored", func() bool { return r.traces().Stored == 3 })
}

func TestWhatTheStoreRefusesIsDropped(t *testing.T) {
	r := start(t, testConfig(t, t.TempDir()), func(s *store) { s.broken.Store(true) })
	if err := r.send(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	until(t, "the span is dropped", func() bool { return r.traces().Dropped["malformed"] == 1 })
	if p := r.traces(); p.Queued != 0 {
		t.Errorf("%+v", p)
	}
}

func TestFullQueueRefuses(t *testing.T) {
	c := testConfig(t, t.TempDir())
	r := start(t, c, func(s *store) { s.away.Store(true) })
	names := make([]string, c.QueueItems/4-1)
	for range 4 {
		if err := r.send(t.Context(), names...); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.send(t.Context(), names...); !toComeAgain(err) {
		t.Fatalf("a full queue answers %v", err)
	}
	acknowledged := uint64(4 * len(names))
	if p := r.traces(); p.Received != acknowledged || p.Queued != acknowledged {
		t.Errorf("%d acknowledged: %+v", acknowledged, p)
	}
	if got := r.ledger.RefusedItems()[account.Traces]; got != uint64(len(names)) {
		t.Errorf("%d refused", got)
	}
}

// toComeAgain reports whether a refusal says when: without that senders drop.
func toComeAgain(err error) bool {
	s := status.Convert(err)
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok && s.Code() == codes.ResourceExhausted {
			return info.GetRetryDelay().AsDuration() > 0
		}
	}
	return false
}

func TestRestartFindsWhatWasQueued(t *testing.T) {
	dir := t.TempDir()
	r := start(t, testConfig(t, dir), func(s *store) { s.away.Store(true) })
	if err := r.send(t.Context(), "a", "b"); err != nil {
		t.Fatal(err)
	}
	r.stop()
	r = start(t, testConfig(t, dir), func(s *store) { s.away.Store(true) })
	if p := r.traces(); p.Received != 2 || p.Queued != 2 {
		t.Errorf("after the restart: %+v", p)
	}
	r.store.away.Store(false)
	until(t, "both are stored", func() bool { return r.traces().Stored == 2 })
	if p := r.traces(); p.Received != 2 || p.Queued != 0 {
		t.Errorf("at the end: %+v", p)
	}
}

// killedEnv makes the test binary a collector whose store is away.
const killedEnv = "SIGHTLINE_TEST_PIPELINE_DIR"

func runUntilKilled(dir string) {
	ledger := account.New()
	s := newStore(ledger)
	s.away.Store(true)
	c := Config{
		Dir: dir, GRPCSocket: filepath.Join(dir, "g"), HTTPSocket: filepath.Join(dir, "h"),
		MemoryMiB: 1024, QueueItems: 20000,
	}
	p := New(c, Deps{Exporter: exporterFactory(s), Ledger: ledger, Logger: slog.New(slog.DiscardHandler)})
	go func() {
		<-p.Ready()
		fmt.Println("ready")
	}()
	if err := p.Run(context.Background()); err != nil {
		fmt.Println(err)
	}
}

func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	dir := socketDir(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), killedEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil || !strings.HasPrefix(string(line[:n]), "ready") {
		t.Fatalf("the child said %q: %v", line[:n], err)
	}
	conn := dial(t, filepath.Join(dir, "g"))
	child := running{}
	child.client = ptraceotlp.NewGRPCClient(conn)
	var acknowledged []string
	for i := range 50 {
		name := fmt.Sprint("span", i)
		if err := child.send(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		acknowledged = append(acknowledged, name)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // says that it was killed
	conn.Close()

	r := start(t, testConfig(t, dir))
	until(t, "all is stored", func() bool { return r.traces().Stored >= uint64(len(acknowledged)) })
	stored := r.store.spans()
	for _, name := range acknowledged {
		if stored[name] != 1 {
			t.Errorf("%s stored %d times", name, stored[name])
		}
	}
	if p := r.traces(); p.Received != 50 || p.Queued != 0 {
		t.Errorf("books: %+v", p)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	start(t, testConfig(t, dir))
	l := account.New()
	p := New(testConfig(t, dir), Deps{Exporter: exporterFactory(newStore(l)), Ledger: l, Logger: slog.New(slog.DiscardHandler)})
	if err := p.Run(t.Context()); err == nil {
		t.Error("two pipelines share a directory")
	} else {
		t.Log(err)
	}
}
