package admin

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/endpoint"
	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const (
	callTimeout  = 15 * time.Second
	reachTimeout = 3 * time.Second // for a connection, before another control plane is asked
	maxAnswer    = 64 << 20
	freshTries   = 3 // an old connection may be picked once more before it is known to end
)

// Client speaks to a control plane. Its methods may be called from any goroutine;
// an answer that is a refusal is an *Error.
type Client struct {
	planes *endpoint.List
	http   *http.Client
}

// NewClient speaks to the control plane at "host:port" or a URL, with a certificate of an
// identity that may. Of several, with commas between them, the next is asked where one
// does not answer.
func NewClient(addresses string, config *tls.Config) *Client {
	planes, err := endpoint.New(addresses)
	if err != nil {
		planes = endpoint.Of(addresses) // to dial it says what is wrong with it
	}
	silent := 5 * time.Second // for a ping, and for its answer
	if planes.Len() > 1 {
		silent = 700 * time.Millisecond // there is another one to ask
	}
	return &Client{
		planes: planes,
		http: &http.Client{
			Transport: &http.Transport{
				DialContext:         (&net.Dialer{Timeout: reachTimeout}).DialContext,
				TLSClientConfig:     config,
				ForceAttemptHTTP2:   true,
				HTTP2:               &http.HTTP2Config{SendPingTimeout: silent, PingTimeout: silent},
				IdleConnTimeout:     time.Minute,
				TLSHandshakeTimeout: 5 * time.Second,
			},
			Timeout: callTimeout,
		},
	}
}

// Close lets idle connections go.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Apply stores every resource of a manifest, as one change. A finding of severity
// "error" means that nothing was stored; so does an error, which is for everything
// else. A dry run stores nothing in any case.
func (c *Client) Apply(ctx context.Context, manifest []byte, by string, dryRun bool) ([]mesh.Finding, error) {
	var out applied
	path := "/config?" + url.Values{"by": {by}, "dryRun": {strconv.FormatBool(dryRun)}}.Encode()
	again := !bytes.Contains(manifest, []byte("resourceVersion")) // which a second time is another one
	err := c.send(ctx, call{http.MethodPost, path, "application/yaml", manifest, again}, &out)
	return out.Findings, err
}

// Replace is Apply of a manifest of one resource, which must still be of that version: it
// is an *Error with a 409 if somebody has changed it.
func (c *Client) Replace(ctx context.Context, manifest []byte, version uint64, by string) ([]mesh.Finding, error) {
	var out applied
	path := "/config?" + url.Values{"by": {by}, "version": {strconv.FormatUint(version, 10)}}.Encode()
	err := c.send(ctx, call{http.MethodPost, path, "application/yaml", manifest, false}, &out)
	return out.Findings, err
}

// Resources is what is stored of a kind, of every kind for "".
func (c *Client) Resources(ctx context.Context, kind string) ([]mesh.Resource, error) {
	var out []mesh.Resource
	err := c.get(ctx, "/config", url.Values{"kind": {kind}}, &out)
	return out, err
}

// Analyze is what there is to say about all that is stored.
func (c *Client) Analyze(ctx context.Context) ([]mesh.Finding, error) {
	var out []mesh.Finding
	err := c.get(ctx, "/config/findings", nil, &out)
	return out, err
}

// Delete removes one resource.
func (c *Client) Delete(ctx context.Context, kind, namespace, name, by string) error {
	path := "/config/" + url.PathEscape(kind) + "/" + url.PathEscape(namespace) + "/" + url.PathEscape(name)
	return c.do(ctx, http.MethodDelete, path+"?"+url.Values{"by": {by}}.Encode(), nil, nil)
}

// History is what changed in the configuration, newest first, without manifests.
func (c *Client) History(ctx context.Context, q HistoryQuery) ([]mesh.Change, error) {
	var out []mesh.Change
	err := c.get(ctx, "/history", url.Values{
		"below":     {strconv.FormatUint(q.Below, 10)},
		"limit":     {strconv.Itoa(q.Limit)},
		"kind":      {q.Kind},
		"namespace": {q.Namespace},
		"name":      {q.Name},
	}, &out)
	return out, err
}

// Change is one change, with the manifests before and after it.
func (c *Client) Change(ctx context.Context, number uint64) (mesh.Change, error) {
	var out mesh.Change
	err := c.get(ctx, "/history/"+strconv.FormatUint(number, 10), nil, &out)
	return out, err
}

// Restore brings the configuration back to how it stood after a change. A finding of
// severity "error" means that nothing was changed. A dry run says what it would do.
func (c *Client) Restore(ctx context.Context, change uint64, by string, dryRun bool) (mesh.Restoration, error) {
	var out mesh.Restoration
	query := url.Values{"by": {by}, "dryRun": {strconv.FormatBool(dryRun)}}
	err := c.do(ctx, http.MethodPost, "/history/"+strconv.FormatUint(change, 10)+"/restore?"+query.Encode(), nil, &out)
	return out, err
}

// SLOs are the objectives that are stored.
func (c *Client) SLOs(ctx context.Context) ([]mesh.SLO, error) {
	var out []mesh.SLO
	err := c.get(ctx, "/slos", nil, &out)
	return out, err
}

// Traffic is how the requests to a service are divided over its versions.
func (c *Client) Traffic(ctx context.Context, service mesh.ServiceName) (mesh.Traffic, error) {
	var out mesh.Traffic
	err := c.get(ctx, "/traffic/"+url.PathEscape(string(service)), nil, &out)
	return out, err
}

// SetTraffic divides them by weights.
func (c *Client) SetTraffic(ctx context.Context, service mesh.ServiceName, weights map[mesh.Version]uint32, by string) (mesh.Traffic, error) {
	var out mesh.Traffic
	err := c.do(ctx, http.MethodPut, "/traffic/"+url.PathEscape(string(service)), setTraffic{weights, by}, &out)
	return out, err
}

// UndoTraffic takes the last SetTraffic of the service back.
func (c *Client) UndoTraffic(ctx context.Context, service mesh.ServiceName, by string) error {
	return c.do(ctx, http.MethodPost, "/traffic/"+url.PathEscape(string(service))+"/undo", actor{by}, nil)
}

// Verdicts are those in force.
func (c *Client) Verdicts(ctx context.Context) ([]mesh.Verdict, error) {
	var out []mesh.Verdict
	err := c.get(ctx, "/verdicts", nil, &out)
	return out, err
}

// Trip keeps traffic away from a target until someone releases it.
func (c *Client) Trip(ctx context.Context, target mesh.Target, reason, by string) error {
	return c.do(ctx, http.MethodPost, "/verdicts", trip{target, reason, by}, nil)
}

// Release lets traffic back to a verdict's target.
func (c *Client) Release(ctx context.Context, id, by string) error {
	return c.do(ctx, http.MethodPost, "/verdicts/"+url.PathEscape(id)+"/release", actor{by}, nil)
}

// Hold keeps a verdict as it is: no probing, no release.
func (c *Client) Hold(ctx context.Context, id, by string) error {
	return c.do(ctx, http.MethodPost, "/verdicts/"+url.PathEscape(id)+"/hold", actor{by}, nil)
}

// Report tells what was seen of targets in the last windows.
func (c *Client) Report(ctx context.Context, seen []mesh.Observation) error {
	return c.do(ctx, http.MethodPost, "/observations", seen, nil)
}

// PassOn is Report of what another control plane was told.
func (c *Client) PassOn(ctx context.Context, seen []mesh.Observation, from string) error {
	return c.do(ctx, http.MethodPost, "/observations?"+url.Values{"from": {from}}.Encode(), seen, nil)
}

// Events are those the query chooses, newest first.
func (c *Client) Events(ctx context.Context, q EventQuery) ([]mesh.Event, error) {
	var out []mesh.Event
	err := c.get(ctx, "/events", url.Values{
		"after":   {q.After},
		"since":   {q.Since},
		"limit":   {strconv.Itoa(q.Limit)},
		"kind":    {string(q.Kind)},
		"service": {string(q.Service)},
	}, &out)
	return out, err
}

// Proxies is how every sidecar stands.
func (c *Client) Proxies(ctx context.Context) ([]mesh.ProxyStatus, error) {
	var out []mesh.ProxyStatus
	err := c.get(ctx, "/proxies", nil, &out)
	return out, err
}

// OwnProxies is how the sidecars stand that have their stream at this control plane.
func (c *Client) OwnProxies(ctx context.Context) ([]mesh.ProxyStatus, error) {
	var out []mesh.ProxyStatus
	err := c.get(ctx, "/proxies", url.Values{"own": {"true"}}, &out)
	return out, err
}

// Propagation is how changes of the configuration reached the sidecars.
func (c *Client) Propagation(ctx context.Context) (out mesh.Propagation, err error) {
	err = c.get(ctx, "/propagation", nil, &out)
	return out, err
}

// OwnPropagation is the same of the sidecars that have their stream at this control plane.
func (c *Client) OwnPropagation(ctx context.Context) (out mesh.Propagation, err error) {
	err = c.get(ctx, "/propagation", url.Values{"own": {"true"}}, &out)
	return out, err
}

// ClockAhead is how far the clock of the control plane is ahead of this one's, give or take
// half of the time that the question took.
func (c *Client) ClockAhead(ctx context.Context) (time.Duration, error) {
	var there reading
	begun := time.Now()
	err := c.get(ctx, "/clock", nil, &there)
	took := time.Since(begun)
	return there.Now.Sub(begun.Add(took / 2)), err
}

// Replicas are the control planes of the mesh.
func (c *Client) Replicas(ctx context.Context) ([]mesh.Replica, error) {
	var out []mesh.Replica
	err := c.get(ctx, "/replicas", nil, &out)
	return out, err
}

// Unreadable is what of the state the control plane that answers cannot read.
func (c *Client) Unreadable(ctx context.Context) ([]mesh.Unreadable, error) {
	var out []mesh.Unreadable
	err := c.get(ctx, "/unreadable", nil, &out)
	return out, err
}

// Discard removes a stored value that the control plane that answers cannot read.
func (c *Client) Discard(ctx context.Context, table, key, by string) error {
	q := url.Values{"table": {table}, "key": {key}, "by": {by}}
	return c.do(ctx, http.MethodDelete, "/unreadable?"+q.Encode(), nil, nil)
}

// Duty takes what one of several is to do, or keeps it, and reports whether it is the
// holder's.
func (c *Client) Duty(ctx context.Context, name, holder string) (bool, error) {
	var out duty
	err := c.do(ctx, http.MethodPut, "/duties/"+url.PathEscape(name), duty{Holder: holder}, &out)
	return out.Held, err
}

// CreateToken makes a join token. It is shown this once.
func (c *Client) CreateToken(ctx context.Context, r TokenRequest) (string, error) {
	var out token
	err := c.do(ctx, http.MethodPost, "/tokens", r, &out)
	return out.Token, err
}

func (c *Client) get(ctx context.Context, path string, query url.Values, out any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.send(ctx, call{method: http.MethodGet, path: path, again: true}, out)
}

func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	return c.send(ctx, call{method, path, "application/json", body, method == http.MethodPut}, out)
}

// call is one call of the API.
type call struct {
	method, path, contentType string
	body                      []byte
	again                     bool // the call may be made twice
}

// send makes a call at the control plane, at the next one where it certainly was not
// made, or where it may be made again.
func (c *Client) send(ctx context.Context, asked call, out any) error {
	return c.planes.Try(func(address string) error {
		return c.sendFresh(ctx, address, asked, out)
	}, func(err error) bool {
		_, undone := errors.AsType[*undoneError](err)
		return ctx.Err() != nil || !undone
	})
}

// sendFresh makes a call on another connection where the control plane does not take the
// certificate that the one at hand was made with any more: it has done nothing then, and
// there may be a newer one.
func (c *Client) sendFresh(ctx context.Context, address string, asked call, out any) error {
	for try := 1; ; try++ {
		err := c.sendTo(ctx, address, asked, out)
		refused, ok := errors.AsType[*Error](err)
		if !ok || refused.Status != http.StatusMisdirectedRequest || try == freshTries {
			return err
		}
		c.http.CloseIdleConnections()
	}
}

// undoneError is of a call that another control plane may be asked to do.
type undoneError struct{ error }

// Unwrap is what went wrong.
func (e *undoneError) Unwrap() error { return e.error }

func (c *Client) sendTo(ctx context.Context, address string, asked call, out any) error {
	var sent atomic.Bool // noted on the connection's own time: a call that is given up does not wait for it
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, asked.method, base(address)+asked.path, bytes.NewReader(asked.body))
	if err != nil {
		return fmt.Errorf("ask control plane: %w", err)
	}
	if asked.body != nil {
		req.Header.Set("Content-Type", asked.contentType)
	}
	res, err := c.http.Do(req)
	if err != nil {
		err = fmt.Errorf("ask control plane: %w", err)
		if !sent.Load() || asked.again {
			err = &undoneError{err}
		}
		return err
	}
	defer res.Body.Close()
	answer := io.LimitReader(res.Body, maxAnswer)
	if res.StatusCode/100 != 2 {
		err := refusalOf(res.StatusCode, answer)
		switch {
		case res.StatusCode == http.StatusServiceUnavailable: // by which a control plane says that it did nothing
			err = &undoneError{err}
		case res.StatusCode == http.StatusGatewayTimeout && asked.again: // that it cannot tell
			err = &undoneError{err}
		}
		return err
	}
	if out == nil {
		_, err = io.Copy(io.Discard, answer) // so that the connection is used again
	} else {
		err = json.NewDecoder(answer).Decode(out)
	}
	if err != nil {
		return fmt.Errorf("read control plane's answer to %s %s: %w", asked.method, asked.path, err)
	}
	return nil
}

func base(address string) string { return identity.BaseURL(address) + "/admin/v1" }

func refusalOf(status int, answer io.Reader) error {
	e := &Error{}
	if err := json.NewDecoder(answer).Decode(e); err != nil {
		e = &Error{Title: http.StatusText(status)}
	}
	e.Status = status
	return e
}
