package interop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"

	"github.com/sightline-mesh/sightline/loadtest/peers/pair"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// The parts that this program plays in processes of its own, as first argument.
const (
	roleServer = "act-as-server"
	roleClient = "act-as-client" // then the address and the case
)

// cases are those of gRPC's interoperability tests that need neither credentials nor a
// balancer of gRPC's own, under their names there.
var cases = map[string]func(ctx context.Context, cc *grpc.ClientConn){
	"empty_unary":                 each(interop.DoEmptyUnaryCall),
	"large_unary":                 each(interop.DoLargeUnaryCall),
	"client_streaming":            each(interop.DoClientStreaming),
	"server_streaming":            each(interop.DoServerStreaming),
	"ping_pong":                   each(interop.DoPingPong),
	"empty_stream":                each(interop.DoEmptyStream),
	"timeout_on_sleeping_server":  each(interop.DoTimeoutOnSleepingServer),
	"cancel_after_begin":          each(interop.DoCancelAfterBegin),
	"cancel_after_first_response": each(interop.DoCancelAfterFirstResponse),
	"custom_metadata":             each(interop.DoCustomMetadata),
	"status_code_and_message":     each(interop.DoStatusCodeAndMessage),
	"special_status_message":      each(interop.DoSpecialStatusMessage),
	"unimplemented_service": func(ctx context.Context, cc *grpc.ClientConn) {
		interop.DoUnimplementedService(ctx, testgrpc.NewUnimplementedServiceClient(cc))
	},
	"unimplemented_method": interop.DoUnimplementedMethod,
	"rpc_soak":             func(ctx context.Context, cc *grpc.ClientConn) { soak(ctx, cc, 200) },
}

func each(do func(context.Context, testgrpc.TestServiceClient, ...grpc.CallOption)) func(context.Context, *grpc.ClientConn) {
	return func(ctx context.Context, cc *grpc.ClientConn) { do(ctx, testgrpc.NewTestServiceClient(cc)) }
}

// soak is rpc_soak: large calls by several workers on one connection.
func soak(ctx context.Context, cc *grpc.ClientConn, calls int) {
	interop.DoSoakTest(ctx, interop.SoakTestConfig{
		RequestSize: 271828, ResponseSize: 314159, PerIterationMaxAcceptableLatency: 30 * time.Second,
		OverallTimeout: 2 * time.Minute, ServerAddr: cc.Target(), NumWorkers: 4, Iterations: calls,
		ChannelForTest: func() (*grpc.ClientConn, func()) { return cc, func() {} },
	})
}

func TestMain(m *testing.M) {
	var err error
	switch {
	case len(os.Args) == 2 && os.Args[1] == roleServer:
		err = actServer()
	case len(os.Args) == 4 && os.Args[1] == roleClient:
		err = actClient(os.Args[2], os.Args[3])
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// actServer prints its address and serves.
func actServer() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	s := grpc.NewServer()
	testgrpc.RegisterTestServiceServer(s, interop.NewTestServer())
	return s.Serve(l)
}

func dial(address string) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+address, grpc.WithAuthority(pair.Host), grpc.WithTransportCredentials(insecure.NewCredentials()))
}

// actClient plays one case. One that fails ends the program.
func actClient(address, name string) error {
	cc, err := dial(address)
	if err != nil {
		return err
	}
	defer func() { _ = cc.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cases[name](ctx, cc)
	return nil
}

// answered has one empty call answered.
func answered(ctx context.Context, at netip.AddrPort) error {
	cc, err := dial(at.String())
	if err != nil {
		return err
	}
	_, err = testgrpc.NewTestServiceClient(cc).EmptyCall(ctx, &testgrpc.Empty{})
	return errors.Join(err, cc.Close())
}

func startServer(t *testing.T, self string) netip.AddrPort {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p, err := proc.Start(t.Context(), proc.Command{Path: self, Args: []string{roleServer}, Env: os.Environ(), Stdout: w, Log: t.Output()})
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop() }) // it knows no other end than by a signal
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return netip.MustParseAddrPort(strings.TrimSpace(line))
}

func TestGRPCInteropThroughRealProcesses(t *testing.T) {
	if os.Getenv("SIGHTLINE_E2E") == "" {
		t.Skip("SIGHTLINE_E2E is not set: run `make build` and set it")
	}
	runtime.LockOSThread() // children end with the thread that started them
	defer runtime.UnlockOSThread()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin, err := filepath.Abs(filepath.Join("..", "..", "bin"))
	if err != nil {
		t.Fatal(err)
	}
	server := startServer(t, self)
	mesh, err := pair.StartMesh(t.Context(), pair.MeshConfig{Bin: bin, Dir: filepath.Join(t.TempDir(), "mesh"), Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer stopped(t, mesh.Stop)
	sidecars, err := mesh.Start(t.Context(), pair.Sidecars{App: server, HTTP2: true, Answered: answered})
	if err != nil {
		t.Fatal(err)
	}
	defer stopped(t, sidecars.Stop)
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		out, err := exec.CommandContext(t.Context(), self, roleClient, sidecars.Address.String(), name).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func stopped(t *testing.T, stop func() error) {
	t.Helper()
	if err := stop(); err != nil {
		t.Error(err)
	}
}
