package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"golang.org/x/sync/errgroup"
)

// outcome is what a sender knows of a request.
type outcome uint8

const (
	unsent outcome = iota // given up: it was refused, or nobody listened, until the end
	acknowledged
	unanswered // the connection broke: it may be stored or not
)

// sender sends all requests on their time, or as soon after that as they are taken.
type sender struct {
	options

	url      string
	outcomes []outcome // by request; each is written by who sends it
	next     atomic.Int64
	refused  atomic.Int64 // tries that were answered with "later"
	nobody   atomic.Int64 // tries that found nobody listening
}

func newSender(o options, address string) *sender {
	return &sender{options: o, url: "http://" + address + "/v1/traces", outcomes: make([]outcome, o.requests())}
}

// again is when a request that was not taken is sent again.
const again = 200 * time.Millisecond

// run sends everything, or what can be sent until ctx ends.
func (s *sender) run(ctx context.Context) error {
	begun := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for range s.senders {
		g.Go(func() error {
			client := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
			defer client.CloseIdleConnections()
			for {
				n := int(s.next.Add(1)) - 1
				if n >= len(s.outcomes) {
					return nil
				}
				if !pause(ctx, time.Until(begun.Add(time.Duration(n)*s.interval()))) {
					return nil
				}
				var err error
				if s.outcomes[n], err = s.send(ctx, client, n); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}

// send sends one request until something is known of it. An answer that should not be is
// an error.
func (s *sender) send(ctx context.Context, client *http.Client, n int) (outcome, error) {
	body, err := request(n, s.batch)
	if err != nil {
		return unsent, err
	}
	for {
		status, err := s.post(ctx, client, body)
		if err == nil && status == http.StatusOK {
			return acknowledged, nil
		}
		if err != nil && !isDial(err) {
			return unknown(err)
		}
		switch {
		case err != nil:
			s.nobody.Add(1)
		case status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests:
			s.refused.Add(1)
		default:
			return unsent, fmt.Errorf("send spans: status %d", status)
		}
		if !pause(ctx, again) {
			return unsent, nil
		}
	}
}

// unknown is what is known of a request whose connection broke, with or without an end of
// the trial: nothing.
func unknown(err error) (outcome, error) {
	if errors.Is(err, errPart) {
		return unsent, err
	}
	return unanswered, nil
}

func (s *sender) post(ctx context.Context, client *http.Client, body []byte) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.GetBody = nil // else it would be sent again by the transport, without a word
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	if res.StatusCode == http.StatusOK {
		return res.StatusCode, whole(text)
	}
	return res.StatusCode, nil
}

// whole is nil where an answer says that all of a request was taken.
func whole(answer []byte) error {
	r := ptraceotlp.NewExportResponse()
	if err := r.UnmarshalProto(answer); err != nil {
		return fmt.Errorf("%w: %w", errPart, err)
	}
	if n := r.PartialSuccess().RejectedSpans(); n > 0 {
		return fmt.Errorf("%w: %d spans are rejected: %s", errPart, n, r.PartialSuccess().ErrorMessage())
	}
	return nil
}

// errPart is an answer that no request here should have.
var errPart = errors.New("the collector's answer is not that it took all")

// isDial reports whether there was no connection, so that nothing was sent.
func isDial(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// pause waits, and is false where ctx ends before.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
