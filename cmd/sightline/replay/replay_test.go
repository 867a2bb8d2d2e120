package replay

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const rule = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec: {host: reviews, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}, {name: v9, labels: {version: v9}}]}
`

func routes(http string) string {
	return "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: reviews}\nspec: {hosts: [reviews], http: [" + http + "]}\n"
}

func policy(spec string) string {
	return "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p}\nspec: " + spec + "\n"
}

const (
	toV1 = "{name: rest, route: [{destination: {host: reviews, subset: v1}}]}"
	beta = "{name: beta, match: [{headers: {x-group: {exact: beta}}}], route: [{destination: {host: reviews, subset: v2}}]}, "
)

// rows are recorded requests.
type rows []signal.Recorded

func (r rows) Recorded(_ context.Context, q signal.RecordedQuery, each func(*signal.Recorded) error) error {
	for i := range r[:min(q.Limit, len(r))] {
		if err := each(&r[i]); err != nil {
			return err
		}
	}
	return nil
}

func instances() []mesh.Instance {
	one := func(s, v string) mesh.Instance {
		return mesh.Instance{
			ID: mesh.InstanceID(s + "-" + v), Service: mesh.ServiceName(s), Version: mesh.Version(v), State: mesh.Ready, AppPort: 80,
			Labels: map[string]string{"version": v, "app": s}, Identity: mesh.Identity("spiffe://mesh.local/ns/default/sa/" + s),
		}
	}
	return []mesh.Instance{one("reviews", "v1"), one("reviews", "v2"), one("web", "v1"), one("cart", "v1")}
}

func outbound(change func(*signal.Recorded)) signal.Recorded {
	r := signal.Recorded{
		TraceID: "t", Reporter: signal.Source, Service: "web", Version: "v1", Instance: "web-v1", Peer: "reviews", PeerVersion: "v1",
		Route: "rest", Method: "GET", Path: "/a?q=1", Authority: "reviews:80", Status: 200, DurationMS: 120,
	}
	if change != nil {
		change(&r)
	}
	return r
}

func inbound(change func(*signal.Recorded)) signal.Recorded {
	r := signal.Recorded{
		Reporter: signal.Destination, Service: "reviews", Version: "v1", Instance: "reviews-v1", Peer: "web",
		PeerIdentity: "spiffe://mesh.local/ns/default/sa/web", Method: "GET", Path: "/a", Authority: "reviews", Status: 200,
	}
	if change != nil {
		change(&r)
	}
	return r
}

func parse(t *testing.T, manifest string) []config.Object {
	t.Helper()
	if manifest == "" {
		return nil
	}
	all, err := config.Parse([]byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestReplay(t *testing.T) {
	base := rule + routes(beta+toV1)
	timeouts := func(s string) string { return rule + routes(strings.Replace(toV1, "}]}", "}], "+s+"}", 1)) }
	for name, tt := range map[string]struct {
		before, after string
		row           signal.Recorded
		want          string // what: was -> becomes, or "unaffected", "same" or "cannot tell"
	}{
		"nothing of its service": {base, base + "---\n" + strings.ReplaceAll(rule, "reviews", "cart"), outbound(nil), "unaffected"},
		"another service":        {base, rule + routes(toV1), outbound(func(r *signal.Recorded) { r.Authority, r.Peer = "cart", "cart" }), "unaffected"},
		"as it was":              {base, rule + routes(beta+strings.Replace(toV1, "name: rest", "name: others", 1)), outbound(nil), "same"},
		"another subset": {
			base, rule + routes(beta+strings.Replace(toV1, "v1", "v2", 1)), outbound(nil), "routed: reviews v1 -> reviews v2",
		},
		"a share": {
			rule + routes(toV1), rule + routes("{route: [{destination: {host: reviews, subset: v1}, weight: 3}, {destination: {host: reviews, subset: v2}, weight: 1}]}"),
			outbound(nil), "routed: reviews v1 -> reviews v1 75%, reviews v2 25%",
		},
		"no instance":   {base, rule + routes(beta+strings.Replace(toV1, "v1", "v9", 1)), outbound(nil), "refused: reviews v1 -> 503: reviews v9 (no instance)"},
		"no route":      {base, rule + routes("{match: [{uri: {prefix: /b}}], route: [{destination: {host: reviews}}]}"), outbound(nil), "refused: reviews v1 -> 404: no route"},
		"an own answer": {rule + routes(toV1), rule + routes("{match: [{uri: {exact: /a}}], directResponse: {status: 410}}, "+toV1), outbound(nil), "refused: reviews v1 -> 410 by reviews[0]"},
		"the fault":     {rule + routes(toV1), timeouts("fault: {abort: {httpStatus: 500, percentage: {value: 50}}}"), outbound(nil), "routed: reviews v1 -> reviews v1; 50% aborted with 500"},

		"who was of the beta is known by its route": {
			base, rule + routes(strings.Replace(beta, "subset: v2", "subset: v1", 1)+toV1), outbound(func(r *signal.Recorded) { r.Route = "beta" }),
			"routed: reviews v2 -> reviews v1",
		},
		"and who was not": {base, rule + routes(strings.Replace(beta, "subset: v2", "subset: v1", 1)+toV1), outbound(nil), "same"},
		"a header that nobody recorded": {
			rule + routes(toV1), base, outbound(nil), "cannot tell",
		},
		"a header that makes no difference": {
			rule + routes(toV1), rule + routes(strings.Replace(beta, "v2", "v1", 1)+toV1), outbound(nil), "cannot tell", // other routes, with retries of their own
		},
		"one header is not two values": {
			rule + routes(beta+toV1), rule + routes(strings.ReplaceAll(beta, "exact: beta", "exact: alpha")+beta+toV1),
			outbound(func(r *signal.Recorded) { r.Route = "beta" }), "same",
		},
		"a parameter that may be left out": {rule + routes(toV1), rule + routes(strings.Replace(beta, "headers: {x-group", "queryParams: {q", 1)+toV1), outbound(nil), "cannot tell"},
		"the program that asks is recorded": {
			rule + routes(toV1), rule + routes(strings.Replace(beta, "x-group: {exact: beta}", "user-agent: {prefix: curl}", 1)+toV1),
			outbound(func(r *signal.Recorded) { r.UserAgent = "curl/8" }), "routed: reviews v1 -> reviews v2",
		},
		"another caller": {rule + routes(toV1), rule + routes(strings.Replace(beta, "headers: {x-group: {exact: beta}}", "sourceLabels: {app: cart}", 1)+toV1), outbound(nil), "same"},
		"a caller that is gone": {
			rule + routes(toV1), rule + routes(strings.Replace(beta, "headers: {x-group: {exact: beta}}", "sourceLabels: {app: cart}", 1)+toV1),
			outbound(func(r *signal.Recorded) { r.Service, r.Instance = "gone", "gone-1" }), "cannot tell",
		},

		"too slow":           {rule + routes(toV1), timeouts("timeout: 100ms"), outbound(nil), "timed out: timeout none -> timeout 100ms"},
		"fast enough":        {rule + routes(toV1), timeouts("timeout: 1s"), outbound(nil), "same"},
		"more time":          {timeouts("timeout: 100ms"), timeouts("timeout: 1s"), outbound(func(r *signal.Recorded) { r.Flags, r.Status = "UT", 504 }), "waited: timeout 100ms -> timeout 1s"},
		"a retry more":       {rule + routes(toV1), timeouts("retries: {attempts: 2, retryOn: 5xx}"), outbound(func(r *signal.Recorded) { r.Status = 503 }), "retried: not tried again after status 503 of try 1 -> tried again after status 503 of try 1"},
		"no retry for a 200": {rule + routes(toV1), timeouts("retries: {attempts: 2, retryOn: 5xx}"), outbound(nil), "same"},
		"a retry less": {
			timeouts("retries: {attempts: 2, retryOn: 5xx}"), timeouts("retries: {attempts: 1, retryOn: 5xx}"),
			outbound(func(r *signal.Recorded) { r.Tries = `[{"status":503},{"status":503},{"status":200}]` }),
			"retried: tried again after status 503 of try 2 -> not tried again after status 503 of try 2",
		},

		"denied":            {base, base + policy("{action: DENY, rules: [{to: [{operation: {paths: ['/a*']}}]}]}"), inbound(nil), "refused: allowed -> 403: RBAC: access denied by policy default/p rule 0"},
		"another path":      {base, base + policy("{action: DENY, rules: [{to: [{operation: {paths: ['/b*']}}]}]}"), inbound(nil), "same"},
		"another instance":  {base, base + policy("{selector: {matchLabels: {app: cart}}, action: DENY, rules: [{}]}"), inbound(nil), "unaffected"},
		"a caller that may": {base, base + policy("{rules: [{from: [{source: {principals: [cluster.local/ns/default/sa/web]}}]}]}"), inbound(nil), "same"},
		"a caller that may not": {
			base, base + policy("{rules: [{from: [{source: {principals: [cluster.local/ns/default/sa/cart]}}]}]}"), inbound(nil),
			"refused: allowed -> 403: RBAC: access denied by default: no rule fits of ALLOW policy default/p",
		},
		"a token": {base, base + policy("{rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}"), inbound(nil), "cannot tell"},
		"a token, or a caller that may": {
			base, base + policy("{rules: [{from: [{source: {requestPrincipals: ['*']}}, {source: {namespaces: [default]}}]}]}"), inbound(nil), "same",
		},
		"a header that makes no difference to a path": {
			base, base + policy("{action: DENY, rules: [{to: [{operation: {paths: [/b]}}], when: [{key: 'request.headers[x]', values: [y]}]}]}"), inbound(nil), "same",
		},
		"the port that it was for": {
			base, base + policy("{action: DENY, rules: [{to: [{operation: {ports: ['9090']}}]}]}"), inbound(func(r *signal.Recorded) { r.Port = 9090 }),
			"refused: allowed -> 403: RBAC: access denied by policy default/p rule 0",
		},
		"the first port, where none is recorded": {base, base + policy("{action: DENY, rules: [{to: [{operation: {ports: ['9090']}}]}]}"), inbound(nil), "same"},
		"a route for the port that is asked for": {
			rule + routes(toV1), rule + routes("{match: [{port: 9090}], route: [{destination: {host: reviews, subset: v2}}]}, "+toV1),
			outbound(func(r *signal.Recorded) { r.Authority = "reviews:9090" }), "routed: reviews v1 -> reviews v2",
		},
		"let in again": {
			base + policy("{action: DENY, rules: [{}]}"), base, inbound(func(r *signal.Recorded) { r.Status, r.Flags = 403, "UAEX" }),
			"allowed: RBAC: access denied by policy default/p rule 0 -> allowed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := New(Input{Before: parse(t, tt.before), After: parse(t, tt.after), Instances: instances()})
			got, err := r.Run(t.Context(), rows{tt.row}, signal.Window{}, 0)
			if err != nil {
				t.Fatal(err)
			}
			if s := said(got); s != tt.want {
				t.Errorf("%s, want %s\n%+v", s, tt.want, got)
			}
		})
	}
}

func said(r mesh.Replay) string {
	switch {
	case r.Unaffected == 1:
		return "unaffected"
	case r.Same == 1:
		return "same"
	case r.CannotTell == 1:
		return "cannot tell"
	}
	c := r.Changes[0]
	return fmt.Sprintf("%s: %s -> %s", c.What, c.Was, c.Becomes)
}

func TestReplayCounts(t *testing.T) {
	var all rows
	for i := range 50 {
		all = append(all, outbound(func(r *signal.Recorded) {
			r.TraceID, r.Time = fmt.Sprint("t", i), time.Unix(int64(1000-i), 0)
			if i%5 == 0 {
				r.Path = "/b"
			}
		}))
	}
	in := Input{
		Before: parse(t, rule+routes(toV1)), Instances: instances(),
		After: parse(t, rule+routes("{match: [{uri: {exact: /b}}], route: [{destination: {host: reviews, subset: v2}}]}, {match: [{headers: {x: {}}}], redirect: {uri: /x}}, "+toV1)),
	}
	got, err := New(in).Run(t.Context(), all, signal.Window{}, 40)
	if err != nil {
		t.Fatal(err)
	}
	want := mesh.Replay{
		Requests: 40, CannotTell: 32, Changed: 8, NotRecorded: []string{"header x"},
		Changes: []mesh.ReplayChange{{
			What: mesh.ReplayRouted, Caller: "web", Service: "reviews", Route: "rest", Was: "reviews v1", Becomes: "reviews v2", Requests: 8, Traces: []string{"t0", "t5", "t10"},
		}},
		Partial: "there are more than 40 requests; these are the newest, from 1970-01-01T00:16:01Z on",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReplayTellsWhatSidecarsWouldRefuse(t *testing.T) {
	after := parse(t, rule+routes("{route: [{destination: {host: reviews, subset: v7}}]}"))
	_, err := New(Input{After: after, Instances: instances()}).Run(t.Context(), rows{}, signal.Window{}, 0)
	if err == nil || !strings.Contains(err.Error(), `no subset "v7"`) {
		t.Errorf("got %v, want the subset named", err)
	}
}

func TestTooManyQuestionsCannotBeTold(t *testing.T) {
	var many []string
	for i := range 80 {
		many = append(many, fmt.Sprintf("{match: [{headers: {x-%d: {}}}], route: [{destination: {host: reviews, subset: v%d}}]}", i, 1+i%2))
	}
	in := Input{Before: parse(t, rule+routes(toV1)), After: parse(t, rule+routes(strings.Join(append(many, toV1), ", "))), Instances: instances()}
	got, err := New(in).Run(t.Context(), rows{outbound(nil)}, signal.Window{}, 0)
	if err != nil || got.CannotTell != 1 || !slices.Contains(got.NotRecorded, "header x-0") {
		t.Errorf("got %+v, %v; want one that cannot be told", got, err)
	}
}
