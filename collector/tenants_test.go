package collector

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"log/slog"
	"math/big"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sightline-mesh/sightline/collector/limits"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// nowhere is a store that never answers: what is taken stays in the queue.
const nowhere = "http://127.0.0.1:1/sightline"

// sdkSpans are n spans as an SDK hands them to its exporter.
func sdkSpans(namespace string, n int) []sdktrace.ReadOnlySpan {
	of := resource.NewSchemaless(attribute.String(signal.KeyService, namespace+"-app"), attribute.String(signal.KeyNamespace, namespace))
	all := make(tracetest.SpanStubs, n)
	for i := range all {
		all[i] = tracetest.SpanStub{
			Name: "work", StartTime: time.Now(), EndTime: time.Now(), Resource: of,
			Attributes: []attribute.KeyValue{attribute.String("user.id", "somebody"), attribute.Int("n", i)},
		}
	}
	return all.Snapshots()
}

// tenantBooks are those of one tenant's traces.
func tenantBooks(col *Collector, name string) signal.Tenant {
	for _, t := range col.Tenants() {
		if t.Tenant == name && t.Signal == "traces" {
			return t
		}
	}
	return signal.Tenant{}
}

// times sends a batch after the other and gives how long each took, sorted.
func times(t *testing.T, e *otlptrace.Exporter, batches int) []time.Duration {
	t.Helper()
	took := make([]time.Duration, batches)
	for i := range took {
		begun := time.Now()
		if err := e.ExportSpans(t.Context(), sdkSpans("shop", 10)); err != nil {
			t.Fatalf("batch %d: %v", i, err)
		}
		took[i] = time.Since(begun)
	}
	slices.Sort(took)
	return took
}

// A tenant that floods, with exporters of OpenTelemetry's SDK over both protocols, is
// refused and loses nothing that it was told is taken; another's is all taken. How long that
// took is logged.
func TestFloodOfOneTenant(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	slow := limits.Rate{Items: 500, Burst: limits.Duration(time.Second)}
	col, _ := start(t, Config{Dir: t.TempDir(), Store: nowhere, Limits: limits.Config{
		Tenants: map[string]limits.Rates{"claimed/flood": {Traces: slow}},
	}})
	onGRPC, onHTTP := col.Addresses()
	newHTTP := func() *otlptrace.Exporter {
		e, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpoint(onHTTP.String()), otlptracehttp.WithInsecure(),
			otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: false}))
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	newGRPC := func() *otlptrace.Exporter {
		e, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpoint(onGRPC.String()), otlptracegrpc.WithInsecure(),
			otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{Enabled: false}))
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	shop := newHTTP()
	defer func() { _ = shop.Shutdown(context.WithoutCancel(t.Context())) }()
	const batches = 100
	before := times(t, shop, batches)

	flood, stop := context.WithCancel(t.Context())
	var (
		floods sync.WaitGroup
		mu     sync.Mutex
		taken  int
	)
	for _, e := range []*otlptrace.Exporter{newHTTP(), newHTTP(), newGRPC(), newGRPC()} {
		floods.Go(func() {
			spans := sdkSpans("flood", 200)
			for flood.Err() == nil {
				if e.ExportSpans(flood, spans) == nil {
					mu.Lock()
					taken += len(spans)
					mu.Unlock()
				}
			}
			_ = e.Shutdown(context.WithoutCancel(flood))
		})
	}
	until(t, col, "the flood is refused", func() bool { return tenantBooks(col, "claimed/flood").Refused["tenant-items"] > 0 })
	during := times(t, shop, batches)
	stop()
	floods.Wait()

	if b := tenantBooks(col, "claimed/shop"); b.Taken != 2*batches*10 || len(b.Refused) > 0 {
		t.Errorf("the other tenant: %+v", b)
	}
	b := tenantBooks(col, "claimed/flood")
	if int(b.Taken) < taken || int(b.Taken) > taken+4*200 { // an answer to each may have been on its way at the end
		t.Errorf("the flood was told of %d, %d are taken", taken, b.Taken)
	}
	if got := col.Accounting()[0]; got.RefusedFor["tenant-items"] != b.Refused["tenant-items"] || got.Received != b.Taken+2*batches*10 {
		t.Errorf("the books: %+v; the flood's: %+v", got, b)
	}
	p99 := func(all []time.Duration) time.Duration { return all[len(all)*99/100] }
	t.Logf("acknowledged within %v at p99, %v in the flood (p50 %v, %v); %d of the flood taken, %d refused",
		p99(before), p99(during), before[len(before)/2], during[len(during)/2], b.Taken, b.Refused["tenant-items"])
}

// An exporter of OpenTelemetry's SDK that is refused comes again when it was told to, and
// loses nothing.
func TestRefusedSenderComesAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	slow := limits.Rate{Items: 100, Burst: limits.Duration(time.Second)}
	col, _ := start(t, Config{Dir: t.TempDir(), Store: nowhere, Limits: limits.Config{Tenant: limits.Rates{Traces: slow}}})
	onGRPC, onHTTP := col.Addresses()
	overHTTP, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpoint(onHTTP.String()), otlptracehttp.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	overGRPC, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpoint(onGRPC.String()), otlptracegrpc.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]*otlptrace.Exporter{"http": overHTTP, "grpc": overGRPC} {
		for range 2 {
			if err := e.ExportSpans(t.Context(), sdkSpans(name, 100)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if b := tenantBooks(col, "claimed/"+name); b.Taken != 200 || b.Refused["tenant-items"] == 0 {
			t.Errorf("%+v", b)
		}
		if err := e.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// selfSigned is a certificate whose common name is a namespace.
func selfSigned(t *testing.T, namespace string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: namespace}, DNSNames: []string{"collector"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// What a certificate proves is the tenant, whatever its owner says it is.
func TestTenantIsWhoTheCertificateSays(t *testing.T) {
	cert, pool := selfSigned(t, "shop")
	c := Config{Dir: t.TempDir(), Store: nowhere, GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0", Limits: limits.Config{
		Tenants: map[string]limits.Rates{"shop": {Traces: limits.Rate{Items: 1, Burst: limits.Duration(time.Second)}}},
	}}
	col, err := New(c, Deps{
		ServerTLS: func(alpn ...string) *tls.Config {
			return &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: pool, ClientAuth: tls.RequireAnyClientCert, NextProtos: alpn}
		},
		Namespace: func(cs tls.ConnectionState) string { return cs.PeerCertificates[0].Subject.CommonName },
		Logger:    slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- col.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	<-col.Ready()
	address, _ := col.Addresses()
	conn, err := grpc.NewClient(address.String(), grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{cert}, RootCAs: pool, ServerName: "collector",
	})))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr(signal.KeyNamespace, "bank")
	rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	client := ptraceotlp.NewGRPCClient(conn)
	said := metadata.AppendToOutgoingContext(t.Context(), "x-scope-orgid", "bank")
	var errs []error
	for range 3 {
		_, err := client.Export(said, ptraceotlp.NewExportRequestFromTraces(td))
		errs = append(errs, err)
	}
	if errs[0] != nil || status.Code(errors.Join(errs[2])) == codes.OK && status.Code(errs[1]) == codes.OK {
		t.Errorf("answers %v", errs)
	}
	for _, b := range col.Tenants() {
		if b.Tenant != "shop" || b.Claimed || b.Taken == 0 || b.Refused["tenant-items"] == 0 {
			t.Errorf("%+v", b)
		}
	}
}
