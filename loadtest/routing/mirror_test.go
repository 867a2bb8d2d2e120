package routing

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/route"
)

const mirroring = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - name: some
    match: [{uri: {prefix: /some}}]
    mirror: {host: ratings, subset: v2}
    mirrorPercentage: {value: 25}
    route: [{destination: {host: details}}]
  - name: all
    headers: {request: {set: {x-edited: "yes"}}}
    rewrite: {uri: /v1/}
    mirrors:
    - destination: {host: ratings, subset: v2}
    - destination: {host: other}
      percentage: {value: 100}
    - destination: {host: ratings, subset: v1}
      percentage: {value: 0}
    route: [{destination: {host: details}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings}
spec:
  host: ratings
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
`

func TestMirrors(t *testing.T) {
	for protocol, transport := range map[string]func(*sidecar) http.RoundTripper{"http1": (*sidecar).http1, "h2": (*sidecar).http2} {
		t.Run(protocol, func(t *testing.T) {
			p := startSidecar(t, route.Caller{}, mirroring, nil)
			rt := transport(p)
			r, err := newRequest(t.Context(), &testCase{
				method: "POST", url: "http://reviews:9080/x?q=1", body: "hello", header: []string{"x-answer: 500", "x-request-id: me"},
			})
			if err != nil {
				t.Fatal(err)
			}
			res, err := rt.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			seen, records := p.take(t, 3)
			if res.StatusCode != http.StatusInternalServerError || res.Header.Get("X-From") != "details v1" {
				t.Errorf("the caller got %d from %q", res.StatusCode, res.Header.Get("X-From"))
			}
			hosts := map[string]string{"details": "reviews:9080", "ratings": "reviews-shadow:9080", "other": "reviews-shadow:9080"}
			for _, g := range seen {
				if g.method+g.target != "POST/v1/x?q=1" || g.body != "hello" || g.header.Get("X-Edited") != "yes" || g.header.Get("Host") != hosts[g.service] {
					t.Errorf("%s got %s %s %q of %s", g.service, g.method, g.target, g.body, g.header.Get("Host"))
				}
				delete(hosts, g.service)
			}
			if len(hosts) > 0 {
				t.Errorf("not reached: %v", hosts)
			}
			checkCopies(t, records)
			if sent, dropped := p.out.Mirrored(); sent != 2 || dropped != 0 {
				t.Errorf("%d copies sent, %d dropped", sent, dropped)
			}
		})
	}
}

func checkCopies(t *testing.T, records []emit.Record) {
	t.Helper()
	var of emit.Record
	for _, r := range records {
		if r.Route == "all" {
			of = r
		}
	}
	for _, r := range records {
		if r.Route == "all" {
			continue
		}
		if r.Route != "all.mirror" || r.Authority != "reviews-shadow:9080" || r.Reason != "mirror of reviews" || r.Status != 500 || r.Flags != "" || r.Peer.Instance == "" {
			t.Errorf("record of a copy: %+v", r)
		}
		if r.Trace.ID != of.Trace.ID || r.ParentID != of.Trace.Span || r.RequestID != "me" {
			t.Errorf("a copy's span is not the request's child: %+v", r)
		}
	}
}

func TestMirrorsDropWhatTheyCannotHold(t *testing.T) {
	p := startSidecar(t, route.Caller{}, mirroring, nil)
	r, err := newRequest(t.Context(), &testCase{method: "POST", url: "http://reviews/x", body: strings.Repeat("x", 100<<10)})
	if err != nil {
		t.Fatal(err)
	}
	res, err := p.http1().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	seen, _ := p.take(t, 1)
	if sent, dropped := p.out.Mirrored(); len(seen) != 1 || len(seen[0].body) != 100<<10 || sent != 0 || dropped != 2 {
		t.Errorf("%d instances were reached; %d copies sent, %d dropped", len(seen), sent, dropped)
	}
}

func TestMirrorsHitTheirShare(t *testing.T) {
	draws := rand.New(rand.NewPCG(3, 4))
	want := 0
	p := startSidecar(t, route.Caller{}, mirroring, func() float64 {
		v := draws.Float64()
		if v < 0.25 {
			want++
		}
		return v
	})
	rt := p.http1()
	const requests = 400
	for i := range requests {
		r, err := newRequest(t.Context(), &testCase{method: "GET", url: fmt.Sprintf("http://reviews/some/%d", i)})
		if err != nil {
			t.Fatal(err)
		}
		res, err := rt.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	sent, dropped := p.out.Mirrored()
	if int(sent+dropped) != want || want < requests/5 || want > requests*3/10 {
		t.Errorf("%d copies of %d requests, want %d", sent+dropped, requests, want)
	}
	p.take(t, requests+int(sent))
}
