package compile_test

import (
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const ruled = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec:
  hosts: [shop]
  http:
  - name: all
    match:
    - name: one
      uri: {exact: /A}
      ignoreUriCase: true
      scheme: {exact: http}
      authority: {regex: "shop(:80)?"}
      headers: {X-Any: {exact: ""}, X-Star: {regex: "*"}, X-Is: {exact: a}}
      withoutHeaders: {X-Not: {}}
      queryParams: {Q: {prefix: a}, r: {}}
      port: 80
      sourceLabels: {app: cart}
      sourceNamespace: depot
      gateways: [mesh]
    route:
    - destination: {host: shop}
      weight: 1
      headers: {request: {set: {Host: other, X-A: "50%%"}, remove: [X-B]}}
    - destination: {host: other}
      weight: 3
    headers: {response: {add: {X-C: d}}}
    rewrite: {authority: b, uriRegexRewrite: {match: "^/(.*)", rewrite: '/v1/\1'}}
    retries: {attempts: 2, backoff: 1s, retryIgnorePreviousHosts: false, retryRemoteLocalities: true}
    fault: {delay: {fixedDelay: 5s, percent: 10}, abort: {grpcStatus: UNAVAILABLE, percentage: {value: 0.5}}}
    mirror: {host: shadow, subset: v2}
    mirrorPercentage: {value: 12.5}
    corsPolicy:
      allowOrigin: [http://a]
      allowOrigins: [{regex: ".*"}]
      allowMethods: [GET]
      allowHeaders: [x]
      exposeHeaders: [y]
      maxAge: 1h
      allowCredentials: true
      unmatchedPreflights: IGNORE
  - redirect: {prefixRewrite: /b, port: 8443, scheme: https, authority: c}
    match: [{uri: {prefix: /a}}]
  - directResponse: {status: 418, body: {bytes: AP8=}}
  tls:
  - match: [{sniHosts: [a.shop], port: 443, sourceNamespace: depot}]
    route: [{destination: {host: secret}}]
  tcp:
  - route: [{destination: {host: shop}, weight: 1}, {destination: {host: plain}, weight: 2}]
`

func TestRules(t *testing.T) {
	code := 14
	wantRoutes := []mesh.Route{
		{
			Name: "all",
			Matches: []mesh.Match{{
				Name: "one", Path: &mesh.StringMatch{Exact: "/A"}, IgnoreCase: true,
				Scheme: &mesh.StringMatch{Exact: "http"}, Authority: &mesh.StringMatch{Regex: "shop(:80)?"},
				Headers: map[string]*mesh.StringMatch{"x-any": nil, "x-star": nil, "x-is": {Exact: "a"}},
				Without: map[string]*mesh.StringMatch{"x-not": nil},
				Query:   map[string]*mesh.StringMatch{"Q": {Prefix: "a"}, "r": nil},
				Port:    80, SourceNamespace: "depot", SourceLabels: map[string]string{"app": "cart"},
			}},
			Destinations: []mesh.Destination{
				{Service: "shop", Weight: 1, Headers: &mesh.HeaderEdits{Request: mesh.FieldEdits{
					Remove: []string{"x-b"}, Set: map[string]string{"host": "other", "x-a": "50%"},
				}}},
				{Service: "other", Weight: 3},
			},
			Retry:   &mesh.Retry{Attempts: 2, Backoff: time.Second, SameInstance: true, OtherLocalities: true},
			Headers: &mesh.HeaderEdits{Response: mesh.FieldEdits{Add: map[string]string{"x-c": "d"}}},
			Rewrite: &mesh.Rewrite{Authority: "b", Regex: "^/(.*)", Substitution: `/v1/\1`},
			Fault:   &mesh.Fault{Delay: &mesh.Delay{Fixed: 5 * time.Second, Percent: 10}, Abort: &mesh.Abort{GRPC: &code, Percent: 0.5}},
			Mirrors: []mesh.Mirror{{Service: "shadow", Subset: "v2", Percent: 12.5}},
			CORS: &mesh.CORS{
				Origins: []mesh.StringMatch{{Exact: "http://a"}, {Regex: ".*"}}, Methods: []string{"GET"}, Headers: []string{"x"},
				Expose: []string{"y"}, MaxAge: time.Hour, Credentials: true, Ignore: true,
			},
		},
		{
			Name: "shop[1]", Matches: []mesh.Match{{Path: &mesh.StringMatch{Prefix: "/a"}}},
			Redirect: &mesh.Redirect{Code: 301, Prefix: "/b", Port: 8443, Scheme: "https", Authority: "c"},
		},
		{Name: "shop[2]", Respond: &mesh.DirectResponse{Status: 418, Body: []byte{0, 255}}},
	}
	wantStreams := []mesh.StreamRoute{
		{
			Name: "shop.tls[0]", Destinations: []mesh.Destination{{Service: "secret", Weight: 100}},
			Matches: []mesh.StreamMatch{{TLS: true, SNI: []string{"a.shop"}, Port: 443, SourceNamespace: "depot"}},
		},
		{Name: "shop.tcp[0]", Destinations: []mesh.Destination{{Service: "shop", Weight: 1}, {Service: "plain", Weight: 2}}},
	}
	all := compile.Snapshots(objects(t, ruled), nil, nil, 3)
	if d := diff(wantRoutes, all["shop"].Routes); d != "" {
		t.Errorf("routes (-want +got):\n%s", d)
	}
	if d := diff(wantStreams, all["shop"].Streams); d != "" {
		t.Errorf("streams (-want +got):\n%s", d)
	}
	var names []mesh.ServiceName
	for _, s := range compile.Closure(all, []mesh.ServiceName{"shop"}) {
		names = append(names, s.Service)
	}
	if d := diff([]mesh.ServiceName{"other", "plain", "secret", "shadow", "shop"}, names); d != "" {
		t.Errorf("closure (-want +got):\n%s", d)
	}
}
