package serve

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/http1/corpus"
	"github.com/sightline-mesh/sightline/proxy/normalize"
)

// nginxConf makes an app of nginx that takes as much as it can be told to take.
const nginxConf = `daemon off;
master_process off;
pid %[1]s/pid;
error_log %[1]s/error.log;
events { worker_connections 512; }
http {
	log_format seen escape=none '$status $request';
	access_log %[1]s/access.log seen;
	client_body_temp_path %[1]s/body;
	client_max_body_size 0;
	client_header_buffer_size 80k;
	large_client_header_buffers 4 80k;
	ignore_invalid_headers off;
	underscores_in_headers on;
	server { listen 127.0.0.1:%[2]d; location / { return 200 ok; } }
}
`

// startNginx starts a real nginx as an app, and returns where it listens and what
// reads its access log: "STATUS METHOD TARGET VERSION" a line.
func startNginx(t *testing.T) (addr string, accessLog func() []string) {
	t.Helper()
	if os.Getenv("SIGHTLINE_E2E") == "" {
		t.Skip("SIGHTLINE_E2E is not set: run `make tools` and set it")
	}
	binary, err := exec.LookPath("nginx")
	if err != nil {
		binary = "/usr/sbin/nginx" // not in everybody's PATH
	}
	l := loopback(t)
	port := l.Addr().(*net.TCPAddr).Port
	must(t, l.Close())
	dir := t.TempDir()
	conf := filepath.Join(dir, "nginx.conf")
	must(t, os.WriteFile(conf, fmt.Appendf(nil, nginxConf, dir, port), 0o600))
	cmd := exec.CommandContext(t.Context(), binary, "-p", dir, "-e", dir+"/error.log", "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // it may have gone by itself
		cmd.Wait()         //nolint:errcheck // killed, as it says
	})
	addr = fmt.Sprintf("127.0.0.1:%d", port)
	for deadline := time.Now().Add(soon); ; <-time.After(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			break
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(dir + "/error.log")
			t.Fatalf("nginx does not listen: %s", text)
		}
	}
	return addr, func() []string {
		text, err := os.ReadFile(dir + "/access.log")
		must(t, err)
		return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
	}
}

// line is how nginx must have logged what the record tells of.
func line(r *emit.Record) string {
	return fmt.Sprintf("%d %s %s HTTP/1.1", r.Status, r.Method, r.Path)
}

// forwarded are the lines that the records of one case should be in nginx's log.
func forwarded(all []emit.Record) (lines []string) {
	for _, r := range all {
		if r.GeneratedBy == "app" {
			lines = append(lines, line(&r))
		}
	}
	return lines
}

// unended takes the last line of got away if it is of a request that the sidecar has
// counted too, but whose body the client broke off or went on with badly.
func unended(got []string, all []emit.Record) []string {
	if len(got) == 0 || len(all) == 0 {
		return got
	}
	last := all[len(all)-1]
	_, request, _ := strings.Cut(got[len(got)-1], " ")
	if _, want, _ := strings.Cut(line(&last), " "); last.GeneratedBy != "app" && (last.Flags == "DC" || last.Flags == "DPE") && request == want {
		return got[:len(got)-1]
	}
	return got
}

// What the sidecar takes for n requests, the app must not take for another number.
func TestNginxSeesAsManyRequests(t *testing.T) {
	addr, accessLog := startNginx(t)
	cases, err := corpus.Load("../http1/testdata/corpus")
	if err != nil {
		t.Fatal(err)
	}
	a := newAuthority(t)
	s := startSidecar(t, a, InboundConfig{Apps: []App{{Address: addr}}, Intake: Intake{Paths: normalize.None}})
	cfg := a.config(t, "productpage")
	cfg.ServerName, cfg.NextProtos = "reviews", []string{"http/1.1"}
	logged, refused := 0, 0
	for _, one := range cases {
		t.Run(one.Name, func(t *testing.T) {
			s.records.take()
			sendCase(t, s.addr.String(), cfg, &one)
			eventually(t, func() string { return "the sidecar is done with the connection" }, func() bool { return s.in.Load().Callers == 0 })
			all := s.records.take()
			want := forwarded(all)
			got := linesBefore(t, addr, accessLog, logged)
			if len(want) == 0 {
				refused++
			}
			logged += len(got) + 1
			if got = unended(got, all); !slices.Equal(got, want) {
				t.Errorf("nginx logged %.200q, the sidecar %.200q", got, want)
			}
		})
	}
	t.Logf("%d cases, %d refused, %d lines in nginx's log", len(cases), refused, logged)
}

// sendCase sends a case over mutual TLS and waits for the answers there should be.
func sendCase(t *testing.T, addr string, cfg *tls.Config, one *corpus.Case) {
	t.Helper()
	d := tls.Dialer{Config: cfg, NetDialer: &net.Dialer{Timeout: soon}}
	c, err := d.DialContext(context.Background(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	must(t, c.SetDeadline(time.Now().Add(soon)))
	c.Write(one.Sent) //nolint:errcheck // what is refused half-way may not be read to its end
	closeWrite(c)
	discard(c)
}

// linesBefore returns the lines behind the first ones, up to that of a request which is
// made now: what should come has come by then, and what should not as well.
func linesBefore(t *testing.T, addr string, accessLog func() []string, from int) (lines []string) {
	t.Helper()
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + addr + "/the-last-one")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	eventually(t, func() string { return "nginx logs the last request" }, func() bool {
		lines = accessLog()[from:]
		return len(lines) > 0 && lines[len(lines)-1] == "200 GET /the-last-one HTTP/1.1"
	})
	return lines[:len(lines)-1]
}

// take returns the records so far and forgets them.
func (r *records) take() []emit.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
}
