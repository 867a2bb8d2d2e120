package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// roleApp has this program be an app, as first argument.
const roleApp = "act-as-app"

// app is a small program of a user's. It ends at once when it is told to, whatever it
// is doing: that nothing is under way then is the sidecar's to see to.
type app struct {
	next   string // URL that it asks for each request; empty for none
	client *http.Client
	served atomic.Int64
}

func actApp(ctx context.Context, args []string) error {
	var a app
	f := flag.NewFlagSet(roleApp, flag.ContinueOnError)
	listen := f.String("listen", "", "host:port")
	f.StringVar(&a.next, "next", "", "URL that is asked for each request")
	if err := f.Parse(args); err != nil {
		return err
	}
	proxy, err := url.Parse("http://" + os.Getenv("SIGHTLINE_OUTBOUND"))
	if err != nil {
		return fmt.Errorf("SIGHTLINE_OUTBOUND: %w", err)
	}
	a.client = &http.Client{Transport: strict{&http.Transport{Proxy: http.ProxyURL(proxy), MaxIdleConnsPerHost: 64}}}
	s := &http.Server{Addr: *listen, Handler: http.HandlerFunc(a.serve), ReadHeaderTimeout: 10 * time.Second, Protocols: new(http.Protocols)}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	if err := s.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

func (a *app) serve(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/served": // asked past the mesh
		_, _ = io.WriteString(w, strconv.FormatInt(a.served.Load(), 10))
		return
	case "/pid":
		_, _ = io.WriteString(w, strconv.Itoa(os.Getpid()))
		return
	}
	a.served.Add(1)
	body, err := io.ReadAll(r.Body)
	if err == nil && a.next != "" {
		body, err = a.ask(r.Context(), r.Method, body)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "app:", r.Method, r.Proto, err)
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	_, _ = w.Write(body)
}

func (a *app) ask(ctx context.Context, method string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, a.next, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	res, err := a.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, res.Header.Get("X-Sightline-Reason"))
	}
	return answer, err
}

// strict is a client that sends no request twice by itself: net/http would, and hide
// what the mesh has lost.
type strict struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (s strict) RoundTrip(r *http.Request) (*http.Response, error) {
	once := r.Clone(r.Context())
	once.GetBody = nil
	if r.Body != nil {
		once.Body = struct{ io.ReadCloser }{r.Body}
	}
	return s.next.RoundTrip(once)
}
