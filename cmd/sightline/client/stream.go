package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"
)

const (
	// silence is how long a stream may say nothing: it says how it stands each second.
	silence = 15 * time.Second
	// maxEvent bounds one event of a stream.
	maxEvent = 1 << 20
)

// ErrSilent is a stream whose server has stopped talking.
var ErrSilent = errors.New("the server has gone silent")

// Stream follows server-sent events until ctx ends, do returns an error, or the server
// ends it, which is an error. It is of the first server that is to be reached.
func (c *Client) Stream(ctx context.Context, path string, query url.Values, do func(name string, data []byte) error) error {
	var all []error
	for _, base := range c.bases {
		sent := false
		trace := &httptrace.ClientTrace{WroteHeaders: func() { sent = true }}
		err := c.stream(httptrace.WithClientTrace(ctx, trace), base, path+"?"+query.Encode(), do)
		if err == nil || sent || ctx.Err() != nil {
			return err
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

func (c *Client) stream(ctx context.Context, base, path string, do func(name string, data []byte) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
	if err != nil {
		return fmt.Errorf("build request %s: %w", path, err)
	}
	req.Header.Set("Accept", "text/event-stream")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	endless := http.Client{Transport: c.http.Transport}
	watch := time.AfterFunc(silence, func() { cancel(ErrSilent) })
	defer watch.Stop()
	res, err := endless.Do(req)
	if err != nil {
		return unreachable(base, err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return decode(res, path, nil)
	}
	lines, name := bufio.NewScanner(res.Body), ""
	lines.Buffer(nil, maxEvent)
	for lines.Scan() {
		watch.Reset(silence)
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "event":
			name = value
		case "data":
			if err := do(name, []byte(value)); err != nil {
				return err
			}
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return errors.New("the server has ended the stream")
}
