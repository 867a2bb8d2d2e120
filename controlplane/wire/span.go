package wire

import "github.com/sightline-mesh/sightline/controlplane/mesh"

func fromSpans(s *mesh.Spans) *Spans {
	if s == nil {
		return nil
	}
	return &Spans{Outbound: fromSpanRule(s.Outbound), Inbound: fromSpanRule(s.Inbound)}
}

func toSpans(s *Spans) *mesh.Spans {
	if s == nil {
		return nil
	}
	return &mesh.Spans{Outbound: toSpanRule(s.GetOutbound()), Inbound: toSpanRule(s.GetInbound())}
}

func fromSpanRule(r *mesh.SpanRule) *SpanRule {
	if r == nil {
		return nil
	}
	return &SpanRule{Off: r.Off, Tags: each(r.Tags, func(t mesh.SpanTag) *SpanTag {
		return &SpanTag{Name: t.Name, Literal: t.Literal, Header: t.Header, Default: t.Default}
	})}
}

func toSpanRule(r *SpanRule) *mesh.SpanRule {
	if r == nil {
		return nil
	}
	return &mesh.SpanRule{Off: r.GetOff(), Tags: each(r.GetTags(), func(t *SpanTag) mesh.SpanTag {
		return mesh.SpanTag{Name: t.GetName(), Literal: t.GetLiteral(), Header: t.GetHeader(), Default: t.GetDefault()}
	})}
}
