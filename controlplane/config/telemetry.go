package config

import (
	"time"

	telemetry "istio.io/api/telemetry/v1alpha1"
)

// telemetryKind reads Istio's Telemetry, for the share of traces that are sampled, what
// spans tell, for which requests get a row in the access log, and which labels and sizes
// metrics do without. Metrics are of every request here: what turns them off is refused.
func telemetryKind() kind {
	return kind{
		shape:    func() shape { return messageShape((&telemetry.Telemetry{}).ProtoReflect().Descriptor()) },
		supports: func(rule string) bool { return telemetryFields[rule] },
		refuses:  telemetryRefuses.of,
		accepts:  telemetryAccepts,
		fill: func(o *Object, spec map[string]any) error {
			o.Telemetry = &telemetry.Telemetry{}
			return unmarshal(spec, o.Telemetry)
		},
	}
}

var telemetryFields = fieldSet(map[string]string{
	"": "selector tracing accessLogging metrics", "selector": "matchLabels",
	"tracing": "match providers randomSamplingPercentage disableSpanReporting customTags", "tracing.match": "mode", "tracing.providers": "name",
	"tracing.customTags": "literal header", "tracing.customTags.literal": "value", "tracing.customTags.header": "name defaultValue",
	"accessLogging": "match providers disabled filter", "accessLogging.match": "mode", "accessLogging.providers": "name",
	"accessLogging.filter": "expression",
	"metrics":              "providers overrides", "metrics.providers": "name", "metrics.overrides": "match disabled tagOverrides",
	"metrics.overrides.match": "metric mode", "metrics.overrides.tagOverrides": "operation",
})

// builtIn is the one provider there is: the mesh's own store.
const builtIn = "sightline"

// telemetryAccepts says what is wrong with a value of a supported field.
func telemetryAccepts(rule string, value any) string {
	switch rule {
	case "tracing.providers.name", "accessLogging.providers.name":
		if value != builtIn {
			return show(value) + ` is not supported: spans and rows go to the mesh's own store, from where others may read them; want "` + builtIn + `", or no providers at all`
		}
	case "metrics.providers.name":
		if value != builtIn && value != "prometheus" {
			return show(value) + ` is not supported: metrics go to the mesh's own store, which answers Prometheus' queries; want "` + builtIn + `", "prometheus" or no providers at all`
		}
	case "metrics.overrides.tagOverrides.operation":
		if value != "REMOVE" {
			return show(value) + " is not supported: " + noExpression + "; of labels there are, REMOVE"
		}
	case "tracing.providers", "accessLogging.providers", "metrics.providers":
		if list, _ := value.([]any); len(list) > 1 {
			return "names several, of which there is one; keep one"
		}
	case "tracing.randomSamplingPercentage":
		return percentageAccepts(value)
	}
	return selectorAccepts(rule, value)
}

func percentageAccepts(value any) string {
	if p := numberOr(value, 0); p < 0 || p > 100 {
		return show(value) + " is not a percentage; want 0 to 100"
	}
	return ""
}

// TraceSampling says for some workloads which traces are sampled beside what Telemetry
// says.
type TraceSampling struct {
	Selector   map[string]string // none means all of the namespace
	Rules      []TraceSamplingRule
	KeepErrors bool
	KeepSlower time.Duration // 0 is never
}

// TraceSamplingRule is about requests that have all that is set.
type TraceSamplingRule struct {
	Host, PathPrefix, Method string
	Headers                  map[string]string
	Percentage               *float64 // nil is missing
}

// traceSamplingKind reads sightline.dev/v1alpha1's TraceSampling: Istio has one share
// for all requests of a workload and no word for what a sidecar records on its own
// account.
func traceSamplingKind() kind {
	return kind{
		shape:    traceSamplingShape,
		supports: func(string) bool { return true },
		accepts:  traceSamplingAccepts,
		fill:     fillTraceSampling,
	}
}

func traceSamplingShape() shape {
	return object(map[string]shape{
		"selector": object(map[string]shape{"matchLabels": dict(text())}),
		"rules": list(object(map[string]shape{
			"host": text(), "pathPrefix": text(), "method": text(), "headers": dict(text()), "percentage": number(),
		})),
		"keep": object(map[string]shape{"errors": boolean(), "slowerThan": duration()}),
	})
}

func traceSamplingAccepts(rule string, value any) string {
	if rule == "rules.percentage" {
		return percentageAccepts(value)
	}
	return selectorAccepts(rule, value)
}

// fillTraceSampling reads a tree that traceSamplingShape has checked.
func fillTraceSampling(o *Object, spec map[string]any) error {
	out := &TraceSampling{
		Selector:   textsOf(at[any](spec, "selector", "matchLabels")),
		KeepErrors: at[bool](spec, "keep", "errors"),
		KeepSlower: durationOr(at[any](spec, "keep", "slowerThan"), 0),
	}
	for _, r := range at[[]any](spec, "rules") {
		rule := TraceSamplingRule{
			Host: at[string](r, "host"), PathPrefix: at[string](r, "pathPrefix"), Method: at[string](r, "method"),
			Headers: textsOf(at[any](r, "headers")),
		}
		if p := at[any](r, "percentage"); p != nil {
			share := numberOr(p, 0)
			rule.Percentage = &share
		}
		out.Rules = append(out.Rules, rule)
	}
	o.TraceSampling = out
	return nil
}
