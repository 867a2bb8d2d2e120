package compile

import (
	"maps"
	"slices"
	"strings"

	telemetry "istio.io/api/telemetry/v1alpha1"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// telling is what one entry of a Telemetry's tracing says of spans; nil says nothing.
type telling struct {
	directions

	off  *bool
	tags []mesh.SpanTag
}

func tellingOf(o config.Object) []telling {
	var out []telling
	for _, t := range o.Telemetry.GetTracing() {
		says := telling{directions: directionsOf(t.GetMatch().GetMode()), tags: spanTags(t)}
		if off := t.GetDisableSpanReporting(); off != nil {
			is := off.GetValue()
			says.off = &is
		}
		if says.off != nil || says.tags != nil {
			out = append(out, says)
		}
	}
	return out
}

// spanTags are in the order of their names.
func spanTags(t *telemetry.Tracing) []mesh.SpanTag {
	var out []mesh.SpanTag
	for _, name := range slices.Sorted(maps.Keys(t.GetCustomTags())) {
		tag := t.GetCustomTags()[name]
		h := tag.GetHeader()
		out = append(out, mesh.SpanTag{
			Name: name, Literal: tag.GetLiteral().GetValue(), Header: strings.ToLower(h.GetName()), Default: h.GetDefaultValue(),
		})
	}
	return out
}

// spansFor is what holds for an instance, nil if nothing is said: of each direction, and
// of each of the two things, what the nearest resource says, as in Istio.
func (ps Policies) spansFor(i mesh.Instance) *mesh.Spans {
	near := ps.near(i, func(p *selected) bool { return len(p.telling) > 0 })
	var out mesh.Spans
	for _, p := range slices.Backward(near) {
		for _, t := range p.telling {
			if t.outbound {
				out.Outbound = t.over(out.Outbound)
			}
			if t.inbound {
				out.Inbound = t.over(out.Inbound)
			}
		}
	}
	if out == (mesh.Spans{}) {
		return nil
	}
	return &out
}

// over is what was said before, with what is said now.
func (t *telling) over(before *mesh.SpanRule) *mesh.SpanRule {
	var out mesh.SpanRule
	if before != nil {
		out = *before
	}
	if t.off != nil {
		out.Off = *t.off
	}
	if t.tags != nil {
		out.Tags = t.tags
	}
	return &out
}
