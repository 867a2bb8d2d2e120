package config

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	security "istio.io/api/security/v1beta1"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// RateLimit says how often, and how many at once, requests may come to each instance
// of some workloads.
type RateLimit struct {
	Selector map[string]string // none means all of the namespace
	Rules    []RateRule
	InFlight *InFlight
}

// RateRule is one bound. Match is an AuthorizationPolicy's rule: nothing set fits
// every request.
type RateRule struct {
	Match    *security.Rule
	Requests int
	Unit     time.Duration
	Burst    int    // 0 is Requests
	Per      string // "workload", "caller" or "header"
	Header   string // with "header"
}

// InFlight bounds the requests at once, and the connections of each caller; 0 is no
// bound. Adaptive, if set, has the bound found out.
type InFlight struct {
	Requests, PerCaller, Connections int
	Adaptive                         *mesh.Adaptive
}

const mostRequests = 1_000_000_000

// rateLimitKind reads sightline.dev/v1alpha1's RateLimit, for what no ecosystem's
// language has a word for: Istio leaves local limits to patches of Envoy's own
// configuration. What a rule is about is said as an AuthorizationPolicy says it.
func rateLimitKind() kind {
	return kind{shape: rateLimitShape, supports: rateLimitSupports, accepts: rateLimitAccepts, fill: fillRateLimit}
}

func rateLimitShape() shape {
	rule := messageShape((&security.Rule{}).ProtoReflect().Descriptor())
	match := func(name protoreflect.Name) shape {
		s, _ := rule.field(string(name))
		return s
	}
	return object(map[string]shape{
		"selector": object(map[string]shape{"matchLabels": dict(text())}),
		"rules": list(object(map[string]shape{
			"from": match("from"), "to": match("to"), "when": match("when"),
			"requests": whole(1, mostRequests), "unit": oneOf([]string{"second", "minute", "hour"}), "burst": whole(1, mostRequests),
			"per": oneOf([]string{"workload", "caller", "header"}), "header": text(),
		})),
		"inFlight": object(map[string]shape{
			"requests": whole(1, mostRequests), "perCaller": whole(1, mostRequests), "connectionsPerCaller": whole(1, mostRequests),
			"adaptive": adaptiveShape(),
		}),
	})
}

func rateLimitSupports(rule string) bool { return authorizationPolicySupports(rule) }

func rateLimitAccepts(rule string, value any) string {
	if field, ok := strings.CutPrefix(rule, "inFlight.adaptive."); ok {
		return adaptiveAccepts(field, value)
	}
	return authorizationPolicyAccepts(rule, value)
}

// fillRateLimit reads a tree that rateLimitShape has checked.
func fillRateLimit(o *Object, spec map[string]any) error {
	out := &RateLimit{Selector: textsOf(at[any](spec, "selector", "matchLabels"))}
	for i, r := range at[[]any](spec, "rules") {
		rule, err := rateRule(r)
		if err != nil {
			return fmt.Errorf("rules[%d]: %w", i, err)
		}
		out.Rules = append(out.Rules, rule)
	}
	if in := at[map[string]any](spec, "inFlight"); in != nil {
		out.InFlight = &InFlight{
			Requests: at[int](in, "requests"), PerCaller: at[int](in, "perCaller"), Connections: at[int](in, "connectionsPerCaller"),
			Adaptive: adaptive(in),
		}
	}
	o.RateLimit = out
	return nil
}

func rateRule(tree any) (RateRule, error) {
	match := map[string]any{}
	for _, name := range []string{"from", "to", "when"} {
		if v := at[any](tree, name); v != nil {
			match[name] = v
		}
	}
	r := RateRule{
		Match: &security.Rule{}, Requests: at[int](tree, "requests"), Burst: at[int](tree, "burst"),
		Per: at[string](tree, "per"), Header: at[string](tree, "header"), Unit: time.Second,
	}
	switch at[string](tree, "unit") {
	case "minute":
		r.Unit = time.Minute
	case "hour":
		r.Unit = time.Hour
	}
	return r, unmarshal(match, r.Match)
}
