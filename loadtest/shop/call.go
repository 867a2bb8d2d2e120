package shop

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// passedOn are the headers an app copies from the request it serves to the requests
// it makes, so that a trace stays one trace.
var passedOn = []string{"Traceparent", "Tracestate", "Baggage", "X-Request-Id", "B3", "End-User"}

// reasonHeader is the mesh's, on answers that a sidecar made itself. The shop hands it
// on, so that the load can tell a failure of the mesh from one of an app, however deep.
const reasonHeader = "X-Sightline-Reason"

// statusError is an answer that was not a success.
type statusError struct {
	service string
	code    int
	reason  string // the mesh's, where a sidecar made the answer
}

func (e *statusError) Error() string { return fmt.Sprintf("%s answered %d", e.service, e.code) }

// caller makes requests to other members, through the proxy that the environment
// names (http_proxy), as an unmodified program would.
type caller struct{ client *http.Client }

func newCaller() *caller {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 64
	return &caller{client: &http.Client{Transport: t, Timeout: 10 * time.Second}}
}

// get asks a service and decodes its JSON answer.
func (c *caller) get(in *http.Request, url string) (any, error) {
	return c.do(in, http.MethodGet, url, "")
}

// post sends a JSON body to a service and decodes its JSON answer.
func (c *caller) post(in *http.Request, url, body string) (any, error) {
	return c.do(in, http.MethodPost, url, body)
}

func (c *caller) do(in *http.Request, method, url, body string) (any, error) {
	req, err := http.NewRequestWithContext(in.Context(), method, url, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("build request to %s: %w", url, err)
	}
	for _, h := range passedOn {
		if v := in.Header.Get(h); v != "" {
			req.Header.Set(h, v)
		}
	}
	res, err := c.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", req.URL.Host, err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= http.StatusBadRequest {
		_, _ = io.Copy(io.Discard, res.Body)
		return nil, &statusError{service: req.URL.Host, code: res.StatusCode, reason: res.Header.Get(reasonHeader)}
	}
	var v any
	if err := json.NewDecoder(res.Body).Decode(&v); err != nil {
		return nil, fmt.Errorf("decode answer of %s: %w", req.URL.Host, err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	return v, nil
}

// all runs calls side by side and gathers their answers by name, or the first error.
func all(ctx context.Context, calls map[string]func() (any, error)) (map[string]any, error) {
	type answer struct {
		name string
		v    any
		err  error
	}
	answers := make(chan answer, len(calls))
	for name, call := range calls {
		go func() {
			v, err := call()
			answers <- answer{name, v, err}
		}()
	}
	out := make(map[string]any, len(calls))
	var first error
	for range calls {
		a := <-answers
		if a.err != nil && first == nil {
			first = a.err
		}
		out[a.name] = a.v
	}
	if first == nil {
		first = ctx.Err()
	}
	return out, first
}
