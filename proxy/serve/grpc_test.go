package serve

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// grpcApp is grpc-go's server of the interoperability tests.
func grpcApp() app {
	return app{listen: func(l net.Listener) {
		s := grpc.NewServer()
		testgrpc.RegisterTestServiceServer(s, interop.NewTestServer())
		s.Serve(l) //nolint:errcheck // it ends with its listener
		s.Stop()
	}}
}

func (m *testMesh) grpc(t testing.TB) *grpc.ClientConn {
	t.Helper()
	c, err := grpc.NewClient("passthrough:///"+m.addr, grpc.WithAuthority("reviews"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// The interoperability tests of gRPC that need neither credentials nor a balancer of
// gRPC's own. A case that fails ends the program with what it says.
func TestGRPCInterop(t *testing.T) {
	for name, setting := range map[string]mesh.AppProtocol{"found out": "", "as it says": mesh.GRPC} {
		t.Run(name, func(t *testing.T) {
			m := newMesh(t, meshConfig{protocol: setting}, grpcApp())
			cc := m.grpc(t)
			c, ctx := testgrpc.NewTestServiceClient(cc), t.Context()
			for _, do := range []func(context.Context, testgrpc.TestServiceClient, ...grpc.CallOption){
				interop.DoEmptyUnaryCall, interop.DoLargeUnaryCall, interop.DoClientStreaming, interop.DoServerStreaming,
				interop.DoPingPong, interop.DoEmptyStream, interop.DoTimeoutOnSleepingServer, interop.DoCancelAfterBegin,
				interop.DoCancelAfterFirstResponse, interop.DoCustomMetadata, interop.DoStatusCodeAndMessage, interop.DoSpecialStatusMessage,
			} {
				do(ctx, c)
			}
			interop.DoUnimplementedService(ctx, testgrpc.NewUnimplementedServiceClient(cc))
			interop.DoUnimplementedMethod(ctx, cc)
			if rec := m.records.await(t, 0); rec.Protocol != "grpc" || rec.Status != 200 || rec.GRPCStatus != 0 || rec.Flags != "" {
				t.Errorf("record %+v", rec)
			}
		})
	}
}

// unary calls, and returns the status.
func unary(ctx context.Context, m *testMesh, t *testing.T) *status.Status {
	t.Helper()
	_, err := testgrpc.NewTestServiceClient(m.grpc(t)).UnaryCall(ctx, &testgrpc.SimpleRequest{})
	return status.Convert(err)
}

// trailersOnly is an app that answers with a status of gRPC and nothing else.
func trailersOnly(code string, n *atomic.Int32) app {
	return app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		discard(r.Body)
		n.Add(1)
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Grpc-Status", code)
	})}
}

func TestGRPCStatusesAreRetried(t *testing.T) {
	for _, x := range []struct {
		on, code string
		tries    int32
	}{
		{"unavailable", "14", 3},
		{"unavailable", "13", 1},
		{"internal,resource-exhausted", "8", 3},
		{"cancelled", "1", 3},
		{"deadline-exceeded", "4", 3},
		{"5xx", "14", 1},
		{"unavailable", "0", 1},
	} {
		var n atomic.Int32
		m := newMesh(t, meshConfig{routes: everywhere(0, &mesh.Retry{Attempts: 2, On: strings.Split(x.on, ",")})}, trailersOnly(x.code, &n))
		unary(t.Context(), m, t)
		if n.Load() != x.tries {
			t.Errorf("%s on %s: %d tries, want %d", x.code, x.on, n.Load(), x.tries)
		}
	}
}

// A status in trailers comes after an answer has begun: too late for another try.
func TestGRPCStatusInTrailersIsNotRetried(t *testing.T) {
	var n atomic.Int32
	m := newMesh(t, meshConfig{routes: everywhere(0, &mesh.Retry{Attempts: 2, On: []string{"unavailable"}})},
		app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			discard(r.Body)
			n.Add(1)
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Trailer", "Grpc-Status")
			flush(w)
			w.Header().Set("Grpc-Status", "14")
		})})
	if s := unary(t.Context(), m, t); s.Code() != codes.Unavailable || n.Load() != 1 {
		t.Errorf("%v after %d tries", s, n.Load())
	}
	for _, rec := range []int{m.records.await(t, 0).GRPCStatus, m.sidecars[0].records.await(t, 0).GRPCStatus} {
		if rec != 14 {
			t.Errorf("recorded status %d", rec)
		}
	}
}

// What the mesh says of a call, it says in gRPC's words.
func TestGRPCFaults(t *testing.T) {
	stuck := app{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })}
	breaksOff := app{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		flush(w)
		panic(http.ErrAbortHandler)
	})}
	hangsOn := app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		flush(w)
		<-r.Context().Done()
	})}
	for name, x := range map[string]struct {
		app     app
		timeout time.Duration
		code    codes.Code
		message string
	}{
		"late":             {stuck, 100 * time.Millisecond, codes.DeadlineExceeded, "route timeout after 100ms"},
		"late, but begun":  {hangsOn, 200 * time.Millisecond, codes.DeadlineExceeded, "route timeout after 200ms"},
		"breaks off":       {breaksOff, 0, codes.Unavailable, "answer broke off"},
		"nobody listening": {app{listen: func(l net.Listener) { l.Close() }}, 0, codes.Unavailable, "connect: "},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMesh(t, meshConfig{routes: everywhere(x.timeout, nil)}, x.app)
			if s := unary(t.Context(), m, t); s.Code() != x.code || !strings.Contains(s.Message(), x.message) {
				t.Errorf("got %v", s)
			}
			if rec := m.records.await(t, 0); rec.GRPCStatus != int(x.code) || rec.Status != 200 {
				t.Errorf("record %+v", rec)
			}
		})
	}
	m := newMesh(t, meshConfig{}, stuck)
	c, err := grpc.NewClient("passthrough:///"+m.addr, grpc.WithAuthority("nobody"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = testgrpc.NewTestServiceClient(c).UnaryCall(t.Context(), &testgrpc.SimpleRequest{})
	if s := status.Convert(err); s.Code() != codes.Unimplemented || !strings.Contains(s.Message(), "unknown service: nobody") {
		t.Errorf("got %v", s)
	}
}

// The client's timeout goes along, less the time that has passed; the route's bounds it.
func TestGRPCTimeoutIsPassedOn(t *testing.T) {
	seen := make(chan string, 1)
	for name, x := range map[string]struct {
		said, route time.Duration
		least, most time.Duration
	}{
		"the client's": {10 * time.Minute, 0, 9 * time.Minute, 10 * time.Minute},
		"the route's":  {10 * time.Minute, 5 * time.Minute, 4 * time.Minute, 5 * time.Minute},
		"neither":      {0, 0, 0, 0},
	} {
		m := newMesh(t, meshConfig{routes: everywhere(x.route, nil)}, app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			discard(r.Body)
			seen <- r.Header.Get("Grpc-Timeout")
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Grpc-Status", "0")
		})})
		ctx := t.Context()
		if x.said > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, x.said)
			defer cancel()
		}
		unary(ctx, m, t)
		got, ok := parseGRPCTimeout(<-seen)
		if ok != (x.most > 0) || got < x.least || got > x.most {
			t.Errorf("%s: the app was told %v", name, got)
		}
	}
}

// The exchange ends with the client's deadline even if the client does not say so.
func TestGRPCTimeoutIsTheExchanges(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })})
	r := request(t, "POST", "/", strings.NewReader("\x00\x00\x00\x00\x00"))
	r.Header.Set("Content-Type", "application/grpc+proto")
	r.Header.Set("Grpc-Timeout", "100m")
	res, _ := do(t, m.client2(t), r)
	if res.Header.Get("Grpc-Status") != "4" {
		t.Errorf("%v", res.Header)
	}
	if rec := m.records.await(t, 0); rec.Flags != "UT" || rec.GRPCStatus != 4 {
		t.Errorf("record %+v", rec)
	}
}

func TestGRPCTimeoutFormat(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"1H": time.Hour, "2M": 2 * time.Minute, "3S": 3 * time.Second, "40m": 40 * time.Millisecond,
		"50u": 50 * time.Microsecond, "60n": 60, "99999999H": maxGRPCTimeout, "0S": 0,
	} {
		if got, ok := parseGRPCTimeout(s); !ok || got != want {
			t.Errorf("%s: %v, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "S", "1", "1s", "-1S", "+1S", "1.5S", "999999999S", "1 S"} {
		if got, ok := parseGRPCTimeout(s); ok {
			t.Errorf("%q is read as %v", s, got)
		}
	}
	for d, want := range map[time.Duration]string{
		-1: "1n", 5: "5n", 99_999_999: "99999999n", 100 * time.Millisecond: "100000u", 200 * time.Second: "200000m", 48 * time.Hour: "172800S",
	} {
		if got := formatGRPCTimeout(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestGRPCMessage(t *testing.T) {
	if got := grpcMessage("a 100% \"ü\"\n"); got != "a 100%25 \"%C3%BC\"%0A" {
		t.Error(got)
	}
	for s, want := range map[string]bool{
		"application/grpc": true, "application/grpc+proto": true, "application/grpc;x=y": true,
		"application/grpc-web": false, "application/json": false, "": false,
	} {
		if isGRPC(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}

// An answer that ends early ends the request, too: what is left of it is given up with
// NO_ERROR, which clients take for the success it is.
func TestEarlyAnswer(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		send(t, w, "enough")
	})})
	src, say := io.Pipe()
	defer say.Close()
	res, err := m.client2(t).Do(request(t, "POST", "/", src))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); string(body) != "enough" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
}
