// Package client speaks to Sightline's public API for the commands: the same paths
// the web app uses, with a bearer token.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Client asks one Sightline.
type Client struct {
	bases []string // at least one
	token string
	http  *http.Client
}

// New makes a client of the API at a URL ("http://127.0.0.1:8080"), or at several of one
// mesh, with commas between them: the next is asked where one is not to be reached.
func New(servers, token string) (*Client, error) {
	bases, err := Servers(servers)
	if err != nil {
		return nil, err
	}
	return &Client{bases: bases, token: token, http: &http.Client{Timeout: time.Minute}}, nil
}

// Servers are the URLs of a list of them.
func Servers(list string) ([]string, error) {
	var out []string
	for base := range strings.SplitSeq(list, ",") {
		base = strings.TrimSuffix(strings.TrimSpace(base), "/")
		u, err := url.Parse(base)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, fmt.Errorf("server %q: want a URL such as http://127.0.0.1:8080", base)
		}
		out = append(out, base)
	}
	return out, nil
}

// TokenFile reads a token from a file that only its owner may read.
func TokenFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read API token: %w (is Sightline running here? start it with `sightline up`)", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("read API token: %s may be read by others (mode %v), want 0600", path, info.Mode().Perm())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read API token: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		return "", fmt.Errorf("read API token: %s is empty", path)
	}
	return token, nil
}

// ProblemError is an error answer of the API (RFC 9457).
type ProblemError struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	// Findings is what a refused manifest was refused for.
	Findings []mesh.Finding `json:"findings"`
}

// Error is the problem in one line.
func (p *ProblemError) Error() string {
	if p.Detail != "" {
		return p.Detail
	}
	return fmt.Sprintf("%s (status %d)", p.Title, p.Status)
}

// Get asks for a path and decodes the JSON answer into out.
func (c *Client) Get(ctx context.Context, path string, query url.Values, out any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.do(ctx, http.MethodGet, path, nil, out)
}

// Send sends a body, JSON unless it is YAML bytes already, and decodes the answer.
// out may be nil.
func (c *Client) Send(ctx context.Context, method, path string, in, out any) error {
	switch v := in.(type) {
	case nil:
		return c.do(ctx, method, path, nil, out)
	case YAML:
		return c.do(ctx, method, path, &body{kind: "application/yaml", data: v}, out)
	}
	b, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode request to %s: %w", path, err)
	}
	return c.do(ctx, method, path, &body{kind: "application/json", data: b}, out)
}

// YAML is a body that is sent as it is.
type YAML []byte

type body struct {
	kind string
	data []byte
}

// do asks one server after the other until one has taken the request: one that may have
// done it is not followed by another, unless doing it twice does nothing more.
func (c *Client) do(ctx context.Context, method, path string, b *body, out any) error {
	var all []error
	for _, base := range c.bases {
		sent := false
		trace := &httptrace.ClientTrace{WroteHeaders: func() { sent = true }}
		err := c.ask(httptrace.WithClientTrace(ctx, trace), base, request{method, path, b}, out)
		_, refused := errors.AsType[*ProblemError](err)
		if err == nil || refused || ctx.Err() != nil || sent && method != http.MethodGet {
			return err
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

type request struct {
	method, path string
	body         *body
}

func (c *Client) ask(ctx context.Context, base string, asked request, out any) error {
	method, path, b := asked.method, asked.path, asked.body
	var r io.Reader
	if b != nil {
		r = bytes.NewReader(b.data)
	}
	req, err := http.NewRequestWithContext(ctx, method, base+path, r)
	if err != nil {
		return fmt.Errorf("build request %s: %w", path, err)
	}
	req.Header.Set("Accept", "application/json")
	if b != nil {
		req.Header.Set("Content-Type", b.kind)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return unreachable(base, err)
	}
	defer func() { _ = res.Body.Close() }()
	return decode(res, path, out)
}

// unreachable says why a server gave no answer at all.
func unreachable(base string, err error) error {
	cause := err
	if u, ok := errors.AsType[*url.Error](err); ok { // it says the whole URL again
		cause = u.Err
		if u.Timeout() {
			return fmt.Errorf("ask %s: no answer in time: %w", base, cause)
		}
	}
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("ask %s: it speaks HTTP without TLS: want http:// in the URL", base)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("ask %s: %w (is Sightline running there? start it with `sightline up`, or name another with --server)", base, cause)
	}
	return fmt.Errorf("ask %s: %w", base, cause)
}

func decode(res *http.Response, path string, out any) error {
	const limit = 64 << 20
	b, err := io.ReadAll(io.LimitReader(res.Body, limit))
	if err != nil {
		return fmt.Errorf("read answer of %s: %w", path, err)
	}
	if res.StatusCode >= http.StatusBadRequest {
		p := &ProblemError{Status: res.StatusCode, Title: http.StatusText(res.StatusCode)}
		if json.Unmarshal(b, p) != nil { // of something else: it keeps the status
			p.Detail = fmt.Sprintf("%s answers %s with %s: is that the API of a Sightline?", res.Request.URL.Host, path, res.Status)
		}
		if p.Status == http.StatusUnauthorized {
			p.Detail = "the API does not take the token: it is none, or of another Sightline; see --token-file, --dir and SIGHTLINE_API_TOKEN"
		}
		return p
	}
	if out == nil || len(b) == 0 {
		return nil
	}
	if kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); kind == "text/html" {
		return fmt.Errorf("%s answers %s with a page: want the URL of a Sightline, such as http://127.0.0.1:8080", res.Request.URL.Host, path)
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("decode answer of %s: %w", path, err)
	}
	return nil
}
