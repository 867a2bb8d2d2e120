package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// saying is a logger of level and words, without the time.
func saying(b *bytes.Buffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// A wrong --port is told once, however long it stays wrong.
func TestPortThatNobodyListensOnIsTold(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		for _, c := range []struct {
			within time.Duration
			want   string
		}{
			{patience - time.Second, ""},
			{10 * patience, fmt.Sprintf("level=WARN msg=\"the app's port does not accept connections\" error=\"127.0.0.1:%d: connection refused\" want=\"the port the app listens on, --port\" after=15s\n", port)},
		} {
			if err := (Probe{Ports: []int{port}, Within: c.within, Logger: saying(&said)}).Await(t.Context()); err == nil {
				t.Error("an app that does not listen takes requests")
			}
			if diff := cmp.Diff(c.want, said.String()); diff != "" {
				t.Errorf("within %s: %s", c.within, diff)
			}
		}
	})
}

// What is told is told again when it is something else, and that it is over is, too.
func TestWaitingIsToldWhenItChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		p := Probe{Ports: []int{8000, 8001}, Path: "/healthz", Logger: saying(&said)}
		w := newWaiting(p)
		refused := &url.Error{Op: "Get", URL: "http://127.0.0.1:8000/healthz", Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}
		for _, e := range []struct {
			port int
			err  error
		}{{8000, refused}, {8000, errors.New("GET /healthz: 503 Service Unavailable")}, {8001, context.DeadlineExceeded}} {
			for range 60 * int(time.Second/pollEvery) {
				w.on(p.lack(e.port, e.err))
				time.Sleep(pollEvery)
			}
		}
		w.over()
		want := strings.Join([]string{
			`level=WARN msg="the app's port does not accept connections" error="127.0.0.1:8000: connection refused" want="the port the app listens on, --port" after=15s`,
			`level=WARN msg="the app does not say that it is ready" error="127.0.0.1:8000: GET /healthz: 503 Service Unavailable" want="a path that the app answers with success, --ready-path" after=1m0s`,
			`level=WARN msg="the app's port does not accept connections" error="127.0.0.1:8001: no answer within 1s" want="the port the app listens on, --port" after=2m0s`,
			`level=INFO msg="the app takes requests" after=3m0s`,
		}, "\n") + "\n"
		if diff := cmp.Diff(want, said.String()); diff != "" {
			t.Error(diff)
		}
	})
}

// Nothing is said of an app that starts as apps do.
func TestWaitingForAQuickAppIsSilent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var said bytes.Buffer
	if err := (Probe{Ports: []int{l.Addr().(*net.TCPAddr).Port}, Logger: saying(&said)}).Await(t.Context()); err != nil || said.Len() > 0 {
		t.Errorf("Await = %v, said %q; want nothing", err, said.String())
	}
}
