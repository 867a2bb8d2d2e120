package spire

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/freeport"
)

// sidecar is a sightline-proxy whose identity is SPIRE's.
type sidecar struct{ outbound, inbound, admin string }

// TestSidecarsOfARealSPIRE call each other by mutual TLS with SVIDs of a SPIRE server,
// and go on without an error while its agent replaces them.
func TestSidecarsOfARealSPIRE(t *testing.T) {
	s := start(t)
	plane := free(t, 1)[0]
	run(t, built(t, "sightline"), "controlplane", "--dir", filepath.Join(s.dir, "mesh"), "--listen", plane, "--metrics-listen=",
		"--ca-cert", s.dir+"/root.pem", "--ca-key", s.dir+"/root.key", "--trust-domain", domain)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "reviewed")
	}))
	defer app.Close()
	web := s.sidecar(plane, "web", "")
	reviews := s.sidecar(plane, "reviews", app.Listener.Addr().String())
	for _, one := range []sidecar{web, reviews} {
		eventually(t, "a ready sidecar", func() bool {
			status, _ := get(t, "http://"+one.admin+"/readyz", "")
			return status == http.StatusOK
		})
	}
	ask := func() bool {
		status, body := get(t, "http://"+web.outbound+"/", "reviews")
		return status == http.StatusOK && body == "reviewed"
	}
	eventually(t, "an answer by way of both sidecars", ask)

	first := s.svid(reviews.inbound)
	if got := first.Subject.Organization; len(got) != 1 || got[0] != "SPIRE" {
		t.Errorf("the callee shows a certificate of %v, want SPIRE's", got)
	}
	if len(first.URIs) != 1 || first.URIs[0].String() != "spiffe://mesh.local/ns/default/sa/reviews" {
		t.Errorf("it is for %v", first.URIs)
	}
	serials := map[string]string{web.admin: "", reviews.admin: ""}
	for at := range serials {
		serials[at] = serialOf(t, at)
	}
	var asked, failed atomic.Int64
	stop := background(func(ctx context.Context) {
		for ctx.Err() == nil {
			asked.Add(1)
			if !ask() && ctx.Err() == nil {
				failed.Add(1)
			}
		}
	})
	defer stop()
	for at, before := range serials {
		eventually(t, "another SVID in use", func() bool { now := serialOf(t, at); return now != "" && now != before })
	}
	if now := s.svid(reviews.inbound); now.SerialNumber.Cmp(first.SerialNumber) == 0 {
		t.Error("the callee still shows the SVID of before")
	}
	stop()
	if failed.Load() > 0 || asked.Load() < 100 {
		t.Errorf("%d of %d requests failed while SVIDs were replaced, want none of many", failed.Load(), asked.Load())
	}
	if _, page := get(t, "http://"+reviews.admin+"/metrics", ""); !strings.Contains(page, "sightline_plaintext_connections_total 0") {
		t.Error("the callee took connections without mutual TLS")
	}
	t.Logf("%d requests, none failed; life of an SVID %s", asked.Load(), svidLife)
}

// sidecar runs one as a program at a path of its own, by which the agent knows it.
func (s *spire) sidecar(plane, service, app string) sidecar {
	s.t.Helper()
	path := filepath.Join(s.dir, "proxy-"+service)
	program, err := os.ReadFile(built(s.t, "sightline-proxy"))
	if err == nil {
		err = os.WriteFile(path, program, 0o700)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.register(service, path)
	at := free(s.t, 3)
	args := []string{
		"run", "--service", service, "--version", "v1", "--instance", service + "-1", "--dir", filepath.Join(s.dir, service),
		"--identity", "spire", "--spire-socket", "unix://" + s.dir + "/agent.sock", "--control-plane", plane, "--collector", "none",
		"--outbound", at[0], "--inbound", at[1], "--admin", at[2], "--drain", "1s",
	}
	if app != "" {
		_, port, err := net.SplitHostPort(app)
		if err != nil {
			s.t.Fatal(err)
		}
		args = append(args, "--port", port)
	}
	run(s.t, path, args...)
	return sidecar{at[0], at[1], at[2]}
}

// svid is what an inbound listener shows to who dials it, verified with the root. The
// dialler has nothing to show, and gets no further.
func (s *spire) svid(address string) *x509.Certificate {
	s.t.Helper()
	raw, err := os.ReadFile(s.dir + "/root.pem")
	if err != nil {
		s.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(raw)
	var shown []*x509.Certificate
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	d := tls.Dialer{Config: &tls.Config{
		NextProtos: []string{"h2"}, InsecureSkipVerify: true, // its name is none of DNS: verified below
		VerifyConnection: func(c tls.ConnectionState) error { shown = c.PeerCertificates; return nil },
	}}
	if c, err := d.DialContext(ctx, "tcp", address); err == nil {
		_ = c.Close()
	}
	if len(shown) == 0 {
		s.t.Fatalf("%s shows no certificate", address)
	}
	between := x509.NewCertPool()
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	if _, err := shown[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err != nil {
		s.t.Errorf("the callee's SVID: %v", err)
	}
	return shown[0]
}

// serialOf is of the certificate that a sidecar says it uses.
func serialOf(t *testing.T, admin string) string {
	t.Helper()
	_, page := get(t, "http://"+admin+"/metrics", "")
	_, after, _ := strings.Cut(page, "\nsightline_certificate_info{")
	_, after, _ = strings.Cut(after, `serial="`)
	serial, _, _ := strings.Cut(after, `"`)
	return serial
}

// get is a page; the status is 0 where there is no answer.
func get(t *testing.T, url, host string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	req.Host = host
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, ""
	}
	return res.StatusCode, string(body)
}

func built(t *testing.T, name string) string {
	t.Helper()
	p, err := filepath.Abs(filepath.Join("..", "..", "bin", name))
	if err == nil {
		_, err = os.Stat(p)
	}
	if err != nil {
		t.Fatalf("%v: run `make build`", err)
	}
	return p
}

func free(t *testing.T, n int) []string {
	t.Helper()
	found, err := freeport.Find(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]string, 0, n)
	for _, p := range found {
		out = append(out, p.String())
	}
	return out
}

// run starts a program, and ends it with the test; what it said is shown if that failed.
func run(t *testing.T, path string, args ...string) {
	t.Helper()
	var said bytes.Buffer
	c := exec.Command(path, args...)
	c.Stdout, c.Stderr = &said, &said
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(10*time.Second, func() { _ = c.Process.Kill() })
		_ = c.Wait()
		late.Stop()
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(path), said.Bytes())
		}
	})
}

// background runs something until it is stopped, and waits for its end.
func background(do func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { do(ctx) })
	return func() { cancel(); running.Wait() }
}

// eventually polls: what it waits for happens in another process.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(2 * patience)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %s for %s", 2*patience, what)
		}
	}
}
