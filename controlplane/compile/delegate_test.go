package compile_test

import (
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const delegating = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec:
  hosts: [shop]
  http:
  - name: cart
    match: [{name: m, uri: {prefix: /cart}, headers: {x-a: {exact: b}}, withoutHeaders: {x-no: {prefix: a}}}]
    delegate: {name: cart, namespace: team}
    timeout: 5s
    retries: {attempts: 1}
    rewrite: {uri: /}
    mirror: {host: shadow}
    headers: {request: {set: {x-root: "1"}}}
  - delegate: {name: nobody}
  - match: [{uri: {prefix: /pay}}]
    delegate: {name: pay, namespace: team}
  - route: [{destination: {host: shop}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: cart, namespace: team}
spec:
  http:
  - name: v2
    match: [{name: n, uri: {exact: /cart/v2}, method: {exact: GET}, withoutHeaders: {x-no: {exact: ab}}}, {headers: {x-c: {}}}]
    route: [{destination: {host: cart, subset: v2}}]
    timeout: 0s
    retries: {attempts: 0}
    mirrors: [{destination: {host: own}}]
    headers: {response: {remove: [x-d]}}
  - match: [{uri: {prefix: /elsewhere}}]
    route: [{destination: {host: never}}]
  - redirect: {uri: /gone}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: pay, namespace: team}
spec: {http: [{route: [{destination: {host: pay}}]}]}
`

func TestDelegates(t *testing.T) {
	path := func(p string) *mesh.StringMatch { return &mesh.StringMatch{Prefix: p} }
	exact := func(p string) *mesh.StringMatch { return &mesh.StringMatch{Exact: p} }
	own := map[string]*mesh.StringMatch{"x-a": {Exact: "b"}}
	without := map[string]*mesh.StringMatch{"x-no": {Prefix: "a"}}
	want := []mesh.Route{
		{
			Name: "cart-v2",
			Matches: []mesh.Match{
				{Name: "m-n", Path: exact("/cart/v2"), Method: exact("GET"), Headers: own, Without: without},
				{Name: "m", Path: path("/cart"), Headers: map[string]*mesh.StringMatch{"x-a": {Exact: "b"}, "x-c": nil}, Without: without},
			},
			Destinations: []mesh.Destination{{Service: "cart.team", Subset: "v2", Weight: 100}},
			Retry:        &mesh.Retry{},
			Rewrite:      &mesh.Rewrite{Path: "/"},
			Mirrors:      []mesh.Mirror{{Service: "own.team", Percent: 100}},
			Headers:      &mesh.HeaderEdits{Response: mesh.FieldEdits{Remove: []string{"x-d"}}},
		},
		{
			Name:     "cart",
			Matches:  []mesh.Match{{Name: "m", Path: path("/cart"), Headers: own, Without: without}},
			Redirect: &mesh.Redirect{Code: 301, Path: "/gone"},
			Headers:  &mesh.HeaderEdits{Request: mesh.FieldEdits{Set: map[string]string{"x-root": "1"}}},
		},
		{Name: "pay[0]", Matches: []mesh.Match{{Path: path("/pay")}}, Destinations: []mesh.Destination{{Service: "pay.team", Weight: 100}}},
		{Name: "shop[3]", Destinations: []mesh.Destination{{Service: "shop", Weight: 100}}},
	}
	all := compile.Snapshots(objects(t, delegating), nil, nil, 1)
	if d := diff(want, all["shop"].Routes); d != "" {
		t.Errorf("routes (-want +got):\n%s", d)
	}
	if _, there := all["pay.team"]; !there || all["shop"].Routes[0].Timeout != 0*time.Second {
		t.Error("a service that only a delegate names is not there")
	}
	none := compile.Snapshots(objects(t, `{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a}, spec: {hosts: [shop], http: [{delegate: {name: b}}]}}`), nil, nil, 1)
	if d := diff([]mesh.Route{{Name: "a-without-delegate", Respond: &mesh.DirectResponse{Status: 404}}}, none["shop"].Routes); d != "" {
		t.Errorf("without any delegate (-want +got):\n%s", d)
	}
}
