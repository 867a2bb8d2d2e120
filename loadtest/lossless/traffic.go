package main

import (
	"context"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/load"
)

// stream is one kind of requests.
type stream struct {
	name      string
	generator *load.Generator
	close     func()
}

// traffic is the load while one scenario is played.
type traffic struct {
	streams []stream
	stop    context.CancelFunc
	under   sync.WaitGroup
	began   time.Time
}

// tally is what became of the requests of a scenario.
type tally struct {
	sent, failed, allowed, skipped uint64
	reasons                        map[string]uint64
	p50, p99                       float64 // ms
	took                           time.Duration
}

// kinds are the requests that are sent: a method that may be repeated and one that may
// not, over HTTP/1.1, and the latter over HTTP/2.
var kinds = []struct {
	name, method string
	http2        bool
	share        float64
}{
	{"PUT h1", http.MethodPut, false, 0.4},
	{"POST h1", http.MethodPost, false, 0.4},
	{"POST h2", http.MethodPost, true, 0.2},
}

const payload = "a request body of some length, as an app might send it"

// startTraffic sends to the service front by way of a sidecar's outbound listener.
func startTraffic(ctx context.Context, outbound string, rate float64) (*traffic, error) {
	ctx, stop := context.WithCancel(ctx)
	t := &traffic{stop: stop, began: time.Now()}
	for _, k := range kinds {
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", outbound)
		}
		transport := &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 64, Protocols: new(http.Protocols)}
		client := &http.Client{Transport: strict{transport}}
		if k.http2 {
			// A stream above the last one of a GOAWAY was not processed: to send it again is
			// what the protocol says, and what every client of gRPC does.
			transport.Protocols.SetUnencryptedHTTP2(true)
			client.Transport = transport
		} else {
			transport.Protocols.SetHTTP1(true)
		}
		g, err := load.New(load.Config{
			Rate: rate * k.share, Timeout: 30 * time.Second,
			Targets: []load.Target{{Method: k.method, URL: "http://front/", Body: payload, Share: 1}},
		}, client)
		if err != nil {
			stop()
			return nil, err
		}
		t.streams = append(t.streams, stream{k.name, g, transport.CloseIdleConnections})
		t.under.Go(func() { g.Run(ctx) })
	}
	return t, nil
}

// end stops sending, waits for what is under way and adds up. Where the scenario kills
// instances, requests that must not be repeated may have been lost with the one they
// were at.
func (t *traffic) end(s scenario) tally {
	t.stop()
	t.under.Wait()
	sum := tally{reasons: map[string]uint64{}, took: time.Since(t.began)}
	for i, one := range t.streams {
		one.close()
		r := one.generator.Report()
		sum.sent += r.Requests
		sum.skipped += r.Skipped
		sum.p50 = max(sum.p50, r.Durations.Quantile(0.5))
		sum.p99 = max(sum.p99, r.Durations.Quantile(0.99))
		if s.unsafe && kinds[i].method == http.MethodPost {
			sum.allowed += r.Failed
		} else {
			sum.failed += r.Failed
		}
		reasons := maps.Clone(r.ByFailure)
		for reason, n := range r.ByMesh {
			if reason != "no answer" {
				reasons[reason] += n
			}
		}
		for reason, n := range reasons {
			sum.reasons[one.name+": "+reason] += n
		}
	}
	return sum
}
