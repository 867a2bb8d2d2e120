package drive

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/loadtest/peers/echo"
)

func TestGRPCCallsAreAnswered(t *testing.T) {
	if _, err := exec.LookPath(Tool); err != nil {
		t.Skip("no " + Tool + " here: run `make tools`")
	}
	l, err := echo.ListenGRPC()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- l.Serve(t.Context()) }()
	p := GRPCPlan{
		Plan:    Plan{Address: l.Address(), Host: "echo", Connections: 2, Rate: 100, For: 3 * time.Second, Body: 128},
		Streams: 4, Dir: t.TempDir(),
	}
	r, used, err := RunGRPC(t.Context(), p)
	if err != nil || r.Answered < 50 || r.Failed() != 0 || used <= 0 {
		t.Errorf("%+v, %v, %v; want about 300 answers", r, used, err)
	}
	p.Connections = 0
	if _, _, err := RunGRPC(t.Context(), p); err == nil || !strings.Contains(err.Error(), "connections 0") {
		t.Errorf("a bad plan: %v", err)
	}
}

func TestReadAnswers(t *testing.T) {
	r, err := readAnswers(strings.NewReader("1000\t200\t300\n1100\t200\t500\n1200\t-1\t900\n1300\t503\t100\n"))
	want := Result{
		Sent: 4, Answered: 2, Failures: map[string]int{"status -1": 1, "status 503": 1},
		Took:    1100 * time.Microsecond,
		Latency: summarize([]time.Duration{300 * time.Microsecond, 500 * time.Microsecond}),
	}
	if diff := cmp.Diff(want, r); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if _, err := readAnswers(strings.NewReader("junk")); err == nil || !strings.Contains(err.Error(), "junk") {
		t.Errorf("junk: %v", err)
	}
}

func TestMessageHasItsFrame(t *testing.T) {
	m := message(128)
	if len(m) != 128 || m[0] != 0 || m[4] != 123 {
		t.Errorf("%d bytes, frame %v", len(m), m[:5])
	}
}

func TestGRPCArguments(t *testing.T) {
	p := GRPCPlan{Plan: Plan{Address: netip.MustParseAddrPort("127.0.0.1:9"), Host: "echo", Connections: 8, Rate: 1000, For: 2 * time.Second}, Streams: 16}
	got := strings.Join(p.arguments("/b", "/l"), " ")
	for _, want := range []string{"-c 8 -m 16", "--connect-to 127.0.0.1:9", "-D 2", "--rps 125", "http://echo/echo.Echo/Call"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	p.Rate = 0
	if got := strings.Join(p.arguments("/b", "/l"), " "); strings.Contains(got, "--rps") {
		t.Errorf("a closed loop has a rate: %s", got)
	}
}
