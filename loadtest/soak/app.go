package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/websocket"

	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// roleApp is the first argument of the process that is the app.
const roleApp = "act-as-app"

// actApp prints the app's address and serves:
//
//	/sink     reads the body and answers how long it was
//	/source   sends as many bytes as ?bytes= says
//	/ws       repeats what it is told on a WebSocket
//	the rest  answers with the body
func actApp(ctx context.Context, stdout io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it waits for nothing
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if _, err := fmt.Fprintln(stdout, l.Addr()); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/sink", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err == nil {
			_, _ = io.WriteString(w, strconv.FormatInt(n, 10))
		}
	})
	mux.HandleFunc("/source", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.ParseInt(r.URL.Query().Get("bytes"), 10, 64)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
		_, _ = io.CopyN(w, zeros{}, n)
	})
	mux.Handle("/ws", websocket.Handler(func(c *websocket.Conn) { _, _ = io.Copy(c, c) }))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err == nil {
			_, _ = w.Write(b)
		}
	})
	s := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// zeros is as many as one likes.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// startApp starts the app in a process of its own.
func startApp(ctx context.Context, log io.Writer) (*proc.Process, netip.AddrPort, error) {
	none := netip.AddrPort{}
	self, err := os.Executable()
	if err != nil {
		return nil, none, fmt.Errorf("start app: %w", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, none, fmt.Errorf("start app: %w", err)
	}
	defer func() { _ = r.Close() }()
	p, err := proc.Start(ctx, proc.Command{Path: self, Args: []string{roleApp}, Env: os.Environ(), Stdout: w, Log: log})
	_ = w.Close() // the app has its own
	if err != nil {
		return nil, none, err
	}
	line, err := bufio.NewReader(r).ReadString('\n')
	at, bad := netip.ParseAddrPort(strings.TrimSpace(line))
	if err = errors.Join(err, bad); err != nil {
		return nil, none, errors.Join(fmt.Errorf("start app: %w", err), p.Stop())
	}
	return p, at, nil
}
