package drive

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Tool is the load generator of RunGRPC, of Debian's nghttp2-client.
const Tool = "h2load"

// GRPCPlan is a load of unary calls over HTTP/2 with prior knowledge.
type GRPCPlan struct {
	Plan

	// Streams is how many calls may be under way on each connection.
	Streams int
	// Dir is where what is sent and the log of answers are kept meanwhile.
	Dir string
}

// RunGRPC carries the plan out with h2load and tells what processor time that took.
// The
// time is rounded up to whole seconds. An answer counts when its HTTP status is 200: h2load looks at no trailers, so the
// app must be one that refuses nothing.
func RunGRPC(ctx context.Context, p GRPCPlan) (r Result, used time.Duration, err error) {
	if err := p.Validate(); err != nil {
		return Result{}, 0, fmt.Errorf("drive: %w", err)
	}
	body, log := filepath.Join(p.Dir, "call"), filepath.Join(p.Dir, "answers")
	if err := os.WriteFile(body, message(p.Body), 0o600); err != nil {
		return Result{}, 0, fmt.Errorf("drive: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(body), removeIfThere(log)) }()
	cmd := exec.CommandContext(ctx, Tool, p.arguments(body, log)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return Result{}, 0, fmt.Errorf("drive: %s: %w: %s", Tool, err, strings.TrimSpace(string(out)))
	}
	f, err := os.Open(log)
	if err != nil {
		return Result{}, 0, fmt.Errorf("drive: read answers: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r, err = readAnswers(f)
	return r, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), err
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (p GRPCPlan) arguments(body, log string) []string {
	_, port, _ := net.SplitHostPort(p.Address.String())
	args := []string{
		"-c", strconv.Itoa(p.Connections), "-m", strconv.Itoa(p.Streams), "-t", "1",
		"-d", body, "-H", "content-type: application/grpc", "-H", "te: trailers",
		"--log-file", log, "--connect-to", p.Address.Addr().String() + ":" + port,
		"-D", strconv.Itoa(int(math.Ceil(p.For.Seconds()))), // whole seconds is what it takes
	}
	if p.Rate > 0 {
		args = append(args, "--rps", strconv.FormatFloat(p.Rate/float64(p.Connections), 'f', -1, 64))
	}
	return append(args, "http://"+p.Host+"/echo.Echo/Call")
}

// CallOnce has one unary call answered, status of gRPC included.
func CallOnce(ctx context.Context, at netip.AddrPort, host string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+at.String()+"/echo.Echo/Call", bytes.NewReader(message(16)))
	if err != nil {
		return err
	}
	req.Host = host
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	t := &http.Transport{Protocols: new(http.Protocols)}
	t.Protocols.SetUnencryptedHTTP2(true)
	defer t.CloseIdleConnections()
	res, err := t.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if got := res.Trailer.Get("Grpc-Status"); res.StatusCode != http.StatusOK || got != "0" {
		return fmt.Errorf("call: status %d, grpc-status %q", res.StatusCode, got)
	}
	return nil
}

// message is a message of gRPC with so many bytes, the five of its frame included.
func message(size int) []byte {
	n := max(size-5, 0)
	b := make([]byte, 5+n)
	b[1], b[2], b[3], b[4] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return b
}

// readAnswers reads h2load's log: for each answer its start in µs since 1970, its
// status (-1 for none) and how long it took in µs.
func readAnswers(in io.Reader) (Result, error) {
	r := Result{Failures: map[string]int{}}
	var samples []time.Duration
	var first, last int64
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var start, took int64
		var status int
		if _, err := fmt.Sscanf(lines.Text(), "%d\t%d\t%d", &start, &status, &took); err != nil {
			return r, fmt.Errorf("drive: answer %q: %w", lines.Text(), err)
		}
		if r.Sent == 0 {
			first = start
		}
		r.Sent++
		first, last = min(first, start), max(last, start+took)
		if status != 200 {
			r.Failures["status "+strconv.Itoa(status)]++
			continue
		}
		r.Answered++
		samples = append(samples, time.Duration(took)*time.Microsecond)
	}
	r.Took = time.Duration(last-first) * time.Microsecond
	r.Latency = summarize(samples)
	return r, nil
}
