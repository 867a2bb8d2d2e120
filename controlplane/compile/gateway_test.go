package compile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const producer = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart, namespace: shop}
spec:
  parentRefs: [{group: "", kind: Service, name: cart, port: 80}]
  rules:
  - name: all
    backendRefs:
    - {name: cart-v1, port: 80, weight: 9}
    - {name: cart-v2, port: 80}
    - {name: nobody, port: 80, weight: 0}
    timeouts: {request: 10s, backendRequest: 2s}
    retry: {codes: [503], attempts: 3, backoff: 100ms}
    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier:
        set: [{name: X-A, value: "50%"}]
        add: [{name: x-b, value: b}]
        remove: [X-C]
    - {type: RequestMirror, requestMirror: {backendRef: {name: cart-v2, port: 80}, fraction: {numerator: 1, denominator: 8}}}
    - {type: RequestMirror, requestMirror: {backendRef: {name: nobody, port: 80}}}
  - matches:
    - path: {value: /a/b/}
    - path: {type: Exact, value: /a}
      method: GET
    - path: {type: RegularExpression, value: "/a/[0-9]+"}
    - path: {value: /a/b}
      headers: [{name: X-User, value: j}]
    filters:
    - type: ResponseHeaderModifier
      responseHeaderModifier: {add: [{name: x-d, value: d}]}
    backendRefs:
    - name: cart-v2
      port: 80
      filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: host, value: other}]}}]
    - {name: nobody, port: 80, weight: 3}
    - {group: other, kind: Bucket, name: b}
`

func TestHTTPRoute(t *testing.T) {
	instances := []mesh.Instance{
		instance("1", "cart-v1.shop", mesh.Ready), instance("2", "cart-v2.shop", mesh.Ready), instance("3", "cart.shop", mesh.Ready),
	}
	all := mesh.Route{
		Name:    "all",
		Matches: []mesh.Match{{Port: 80}},
		Destinations: []mesh.Destination{
			{Service: "cart-v1.shop", Port: 80, Weight: 9, Absent: 500}, {Service: "cart-v2.shop", Port: 80, Weight: 1, Absent: 500}, {Service: "nobody.shop", Port: 80, Absent: 500},
		},
		Timeout: 10 * time.Second,
		Retry: &mesh.Retry{
			Attempts: 3, PerTryTimeout: 2 * time.Second, Backoff: 100 * time.Millisecond,
			On: []string{"connect-failure", "refused-stream", "reset", "503"},
		},
		Headers: &mesh.HeaderEdits{Request: mesh.FieldEdits{
			Set: map[string]string{"x-a": "50%"}, Add: map[string]string{"x-b": "b"}, Remove: []string{"x-c"},
		}},
		Mirrors: []mesh.Mirror{{Service: "cart-v2.shop", Port: 80, Percent: 12.5}, {Service: "nobody.shop", Port: 80, Percent: 100}},
	}
	second := func(matches ...mesh.Match) mesh.Route {
		return mesh.Route{
			Name: "cart[1]", Matches: matches,
			Headers: &mesh.HeaderEdits{Response: mesh.FieldEdits{Add: map[string]string{"x-d": "d"}}},
			Destinations: []mesh.Destination{
				{Service: "cart-v2.shop", Port: 80, Weight: 1, Absent: 500, Headers: &mesh.HeaderEdits{Request: mesh.FieldEdits{Set: map[string]string{"host": "other"}}}},
				{Service: "nobody.shop", Port: 80, Weight: 3, Absent: 500},
				{Service: "cart.shop", Weight: 1, Fail: 500},
			},
		}
	}
	want := []mesh.Route{
		second( // exact, regex, longest prefix, most headers
			mesh.Match{Path: &mesh.StringMatch{Exact: "/a"}, Method: &mesh.StringMatch{Exact: "GET"}, Port: 80},
			mesh.Match{Path: &mesh.StringMatch{Regex: "/a/[0-9]+"}, Port: 80},
			mesh.Match{Path: &mesh.StringMatch{Elements: "/a/b"}, Port: 80},
			mesh.Match{Path: &mesh.StringMatch{Elements: "/a/b"}, Headers: map[string]*mesh.StringMatch{"x-user": {Exact: "j"}}, Port: 80},
		),
		all,
		{Name: "default", Destinations: []mesh.Destination{{Service: "cart.shop", Weight: 1}}}, // of every other port
	}
	got := compile.Snapshots(objects(t, producer), instances, nil, 7)
	if d := diff(want, got["cart.shop"].Routes); d != "" {
		t.Errorf("routes (-want +got):\n%s", d)
	}
	var names []mesh.ServiceName
	for _, s := range compile.Closure(got, []mesh.ServiceName{"cart.shop"}) {
		names = append(names, s.Service)
	}
	if d := diff([]mesh.ServiceName{"cart-v1.shop", "cart-v2.shop", "cart.shop", "nobody.shop"}, names); d != "" {
		t.Errorf("closure (-want +got):\n%s", d)
	}
}

// bare is a route of one rule whose name says where it stood.
func bare(kind, name, rule string) string {
	namespace, name, _ := strings.Cut(name, "/")
	return "\n---\napiVersion: gateway.networking.k8s.io/v1\nkind: " + kind + "\nmetadata: {name: " + name + ", namespace: " + namespace + "}\n" +
		"spec: {parentRefs: [{group: '', kind: Service, namespace: shop, name: a}], rules: [{" + rule + "}]}\n"
}

func namesOf(routes []mesh.Route) string {
	var out []string
	for _, r := range routes {
		name := r.Name
		if r.Last {
			name += "."
		}
		out = append(out, name)
	}
	return strings.Join(out, " ")
}

func TestOrderOfRoutes(t *testing.T) {
	const to = "backendRefs: [{name: a, namespace: shop, port: 80}]"
	http := func(name, rule string) string { return bare("HTTPRoute", name, rule+", "+to) }
	tests := map[string]struct {
		manifest string
		created  []int64
		want     string
	}{
		"by what is compared": {
			http("shop/any", "matches: []") + http("shop/short", "matches: [{path: {value: /a}}]") + http("shop/long", "matches: [{path: {value: /aa}}]") +
				http("shop/method", "matches: [{path: {value: /a}, method: GET}]") + http("shop/header", "matches: [{path: {value: /a}, headers: [{name: a, value: b}]}]") +
				http("shop/headers", "matches: [{path: {value: /a}, headers: [{name: a, value: b}, {name: c, value: d}]}]") +
				http("shop/query", "matches: [{path: {value: /a}, headers: [{name: a, value: b}], queryParams: [{name: a, value: b}]}]") +
				http("shop/exact", "matches: [{path: {type: Exact, value: /}}]") + http("shop/regex", "matches: [{path: {type: RegularExpression, value: /}}]"),
			nil, "exact[0] regex[0] long[0] method[0] headers[0] query[0] header[0] short[0] any[0]",
		},
		"by age, then by name": {
			http("shop/b", "matches: []") + http("shop/a", "matches: []") + http("shop/d", "matches: []") + http("shop/c", "matches: []"),
			[]int64{5, 0, 9, 0},
			"b[0] d[0] a[0] c[0]",
		},
		"consumers go first, for themselves": {
			http("shop/own", "matches: []") + http("van/theirs", "matches: [{path: {value: /x}}]") + http("depot/also", "matches: []"),
			nil, "also[0]. theirs[0]. own[0]",
		},
		"consumers alone leave the rest as it was": {http("van/theirs", "matches: []"), nil, "theirs[0]. default"},
		"gRPC goes before HTTP": {
			http("shop/http", "matches: []") + bare("GRPCRoute", "shop/grpc", "matches: [{method: {service: a.B}}], "+to) +
				bare("GRPCRoute", "shop/call", "matches: [{method: {service: a.B, method: C}}], "+to) +
				bare("GRPCRoute", "shop/rest", "matches: [{method: {method: C}}], "+to),
			nil, "call[0] grpc[0] rest[0]",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			objs := objects(t, tt.manifest)
			for i, c := range tt.created {
				objs[i].Created = c
			}
			got := compile.Snapshots(objs, []mesh.Instance{instance("1", "a.shop", mesh.Ready)}, nil, 1)["a.shop"]
			if n := namesOf(got.Routes); n != tt.want {
				t.Errorf("got  %s\nwant %s", n, tt.want)
			}
			for _, r := range got.Routes {
				for _, m := range r.Matches {
					if (m.SourceNamespace == "van") != strings.HasPrefix(r.Name, "theirs") {
						t.Errorf("%s is for callers of %q", r.Name, m.SourceNamespace)
					}
				}
			}
		})
	}
}

// A parent with a port binds that port alone, and leaves the others as they were.
func TestRoutesOfPorts(t *testing.T) {
	const to, some = "backendRefs: [{name: a, namespace: shop, port: 80}]", "matches: [{path: {value: /x}}], "
	on := func(port, kind, name, rule string) string {
		return strings.Replace(bare(kind, name, rule+to), "name: a}]", "name: a, port: "+port+"}]", 1)
	}
	call := "matches: [{method: {service: a.B}}], "
	tests := map[string]struct{ manifest, want string }{
		"all of a port":        {on("80", "HTTPRoute", "shop/own", ""), "own[0]:80 default"},
		"a part of a port":     {on("80", "HTTPRoute", "shop/own", some), "own[0]:80 none:80 default"},
		"two ports":            {on("80", "HTTPRoute", "shop/a", some) + on("81", "HTTPRoute", "shop/b", ""), "a[0]:80 b[0]:81 none:80 default"},
		"a port and every one": {on("80", "HTTPRoute", "shop/own", "") + bare("HTTPRoute", "shop/any", some+to), "own[0]:80 any[0]"},
		"and a part of one":    {on("80", "HTTPRoute", "shop/own", some) + bare("HTTPRoute", "shop/any", some+to), "own[0]:80 any[0]"},
		"of a consumer":        {on("80", "HTTPRoute", "van/own", some), "own[0]:80@van none:80@van default"},
		"of a consumer, all":   {on("80", "HTTPRoute", "van/own", some) + bare("HTTPRoute", "van/any", some+to), "own[0]:80@van any[0].@van default"},
		"of both": {
			on("80", "HTTPRoute", "van/own", some) + on("81", "HTTPRoute", "shop/b", ""),
			"own[0]:80@van none:80@van b[0]:81 default",
		},
		"gRPC on a port takes that from HTTP alone": {
			bare("HTTPRoute", "shop/web", to) + on("80", "GRPCRoute", "shop/calls", call), "calls[0]:80 none:80 web[0]",
		},
		"gRPC goes on to gRPC": {
			bare("GRPCRoute", "shop/any", to) + on("80", "GRPCRoute", "shop/calls", call), "calls[0]:80 any[0]",
		},
		"gRPC on every port takes HTTP's": {
			on("80", "HTTPRoute", "shop/web", "") + bare("GRPCRoute", "shop/calls", call+to), "calls[0]",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, r := range compile.Snapshots(objects(t, tt.manifest), []mesh.Instance{instance("1", "a.shop", mesh.Ready)}, nil, 1)["a.shop"].Routes {
				line := namesOf([]mesh.Route{r})
				if len(r.Matches) > 0 {
					line = fmt.Sprintf("%s:%d@%s", line, r.Matches[0].Port, r.Matches[0].SourceNamespace)
				}
				line = strings.TrimSuffix(strings.Replace(line, ":0", "", 1), "@")
				if (r.Respond != nil) != (r.Name == "none") || r.Respond != nil && r.Respond.Status != 404 {
					t.Errorf("%s answers %+v", r.Name, r.Respond)
				}
				got = append(got, line)
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("got  %s\nwant %s", s, tt.want)
			}
		})
	}
}

func TestGatewayRules(t *testing.T) {
	const to = ", backendRefs: [{name: a, namespace: shop, port: 80}]"
	tests := map[string]struct {
		rule string
		want mesh.Route
	}{
		"redirect": {
			"filters: [{type: RequestRedirect, requestRedirect: {scheme: https, hostname: a.b, path: {type: ReplacePrefixMatch, replacePrefixMatch: ''}, statusCode: 301}}]",
			mesh.Route{Redirect: &mesh.Redirect{Code: 301, Scheme: "https", Authority: "a.b", Port: 443, Prefix: "/", Elements: true}},
		},
		"redirect to a path": {
			"filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: /x}}}]",
			mesh.Route{Redirect: &mesh.Redirect{Code: 302, Path: "/x", RequestPort: true}},
		},
		"rewrite": {
			"filters: [{type: URLRewrite, urlRewrite: {hostname: x, path: {type: ReplaceFullPath, replaceFullPath: /x}}}]" + to,
			mesh.Route{Rewrite: &mesh.Rewrite{Authority: "x", Path: "/x", Whole: true}, Destinations: []mesh.Destination{{Service: "a.shop", Port: 80, Weight: 1, Absent: 500}}},
		},
		"rewrite of a prefix": {
			"matches: [{path: {value: /y}}], filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /x/}}}]" + to,
			mesh.Route{
				Matches: []mesh.Match{{Path: &mesh.StringMatch{Elements: "/y"}}},
				Rewrite: &mesh.Rewrite{Path: "/x/", Elements: true}, Destinations: []mesh.Destination{{Service: "a.shop", Port: 80, Weight: 1, Absent: 500}},
			},
		},
		"rewrite for one backend": {
			"backendRefs: [{name: a, namespace: shop, port: 80, filters: [{type: URLRewrite, urlRewrite: {hostname: x, path: {type: ReplacePrefixMatch, replacePrefixMatch: /y}}}]}]",
			mesh.Route{Destinations: []mesh.Destination{{
				Service: "a.shop", Port: 80, Weight: 1, Absent: 500, Rewrite: &mesh.Rewrite{Authority: "x", Path: "/y", Elements: true},
			}}},
		},
		"cors": {
			"filters: [{type: CORS, cors: {allowOrigins: ['https://a.b:443', 'http://*.c.d:8080', 'https://*'], allowMethods: [PUT], allowHeaders: [X-A], exposeHeaders: [X-B], allowCredentials: true}}]" + to,
			mesh.Route{
				CORS: &mesh.CORS{
					Origins: []mesh.StringMatch{{Exact: "https://a.b"}, {Regex: `http://[^/:]+\.c\.d:8080`}, {Regex: "https://[^/:]+"}},
					Methods: []string{"PUT"}, Headers: []string{"X-A"}, Expose: []string{"X-B"}, Credentials: true, Ignore: true, MaxAge: 5 * time.Second,
				},
				Destinations: []mesh.Destination{{Service: "a.shop", Port: 80, Weight: 1, Absent: 500}},
			},
		},
		"cors of any origin": {
			"filters: [{type: CORS, cors: {allowOrigins: ['*'], allowMethods: ['*'], maxAge: 60}}]" + to,
			mesh.Route{
				CORS:         &mesh.CORS{Origins: []mesh.StringMatch{{Exact: "*"}}, Methods: []string{"*"}, Ignore: true, MaxAge: time.Minute},
				Destinations: []mesh.Destination{{Service: "a.shop", Port: 80, Weight: 1, Absent: 500}},
			},
		},
		"no backend": {"matches: []", mesh.Route{Destinations: []mesh.Destination{{Service: "a.shop", Weight: 1, Fail: 500}}}},
		"weights of 0": {
			"backendRefs: [{name: a, namespace: shop, port: 80, weight: 0}]",
			mesh.Route{Destinations: []mesh.Destination{{Service: "a.shop", Weight: 1, Fail: 500}}},
		},
		"time of a try alone": {
			"timeouts: {request: 0s, backendRequest: 1s}" + to,
			mesh.Route{Retry: &mesh.Retry{Attempts: 2, PerTryTimeout: time.Second}, Destinations: []mesh.Destination{{Service: "a.shop", Port: 80, Weight: 1, Absent: 500}}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.want.Name = "r[0]"
			if tt.want.Matches == nil {
				tt.want.Matches = []mesh.Match{{}}
			}
			all := compile.Snapshots(objects(t, bare("HTTPRoute", "shop/r", tt.rule)), []mesh.Instance{instance("1", "a.shop", mesh.Ready)}, nil, 1)
			if d := diff([]mesh.Route{tt.want}, all["a.shop"].Routes); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestGRPCMatches(t *testing.T) {
	for rule, want := range map[string]mesh.StringMatch{
		"{service: a.B, method: C}": {Exact: "/a.B/C"},
		"{service: a.B}":            {Prefix: "/a.B/"},
		"{method: C}":               {Regex: "/[^/]+/C"},
		"{type: RegularExpression, service: a.*, method: 'C|D'}": {Regex: "/(?:a.*)/(?:C|D)"},
		"{type: RegularExpression, service: a.*}":                {Regex: "/(?:a.*)/[^/]+"},
	} {
		m := bare("GRPCRoute", "shop/r", "matches: [{method: "+rule+"}], backendRefs: [{name: a, port: 80}]")
		routes := compile.Snapshots(objects(t, m), nil, nil, 1)["a.shop"].Routes
		if d := diff(&want, routes[0].Matches[0].Path); d != "" {
			t.Errorf("%s (-want +got):\n%s", rule, d)
		}
	}
}
