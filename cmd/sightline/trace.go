package main

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// trace is every span of one trace, as the API has it.
type trace struct {
	TraceID string        `json:"traceId"`
	Spans   []signal.Span `json:"spans"`
}

func newTrace(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:               "trace id",
		Short:             "Every span of one trace, each below the one that caused it",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: g.completeTrace,
		RunE: func(c *cobra.Command, args []string) error {
			api, err := g.api()
			if err != nil {
				return err
			}
			var t trace
			if err := api.Get(c.Context(), tracesPath+"/"+url.PathEscape(args[0]), nil, &t); err != nil {
				return fmt.Errorf("trace: %w", err)
			}
			return g.print(c.OutOrStdout(), t, t.text)
		},
	}
}

// completeTrace offers the newest traces, with what they are of.
func (g *globals) completeTrace(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	var page signal.TracePage
	if api, err := g.api(); err == nil && len(args) == 0 && api.Get(c.Context(), tracesPath, url.Values{"limit": {"10"}}, &page) == nil {
		for _, one := range page.Traces {
			out = append(out, cobra.CompletionWithDesc(one.TraceID, one.RootService+" "+one.RootName))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

func (t trace) text(out *table) {
	out.head("AT", "MS", "SERVICE", "SPAN", "TOLD BY", "STATUS", "WHAT")
	out.spare("TOLD BY")
	rows := outline(t.Spans)
	for _, r := range rows {
		s := r.span
		out.row(offset(s.Start.Sub(rows[0].first)), millis(s.DurationNS), named(s), strings.Repeat("  ", r.depth)+cmp.Or(s.Name, "(no name)"),
			teller(s), statusOf(s), oddities(s))
	}
}

// outlined is a span with how deep it stands.
type outlined struct {
	span  *signal.Span
	depth int
	first time.Time // of the trace
}

// outline has each span below the one that caused it, those of one cause in the order in
// which they began. One whose cause is not there, or that would be its own, stands by itself.
func outline(spans []signal.Span) []outlined {
	known, below := map[string]bool{}, map[string][]*signal.Span{}
	for i := range spans {
		known[spans[i].SpanID] = true
	}
	var first time.Time
	for i := range spans {
		s, cause := &spans[i], ""
		if known[s.ParentID] && s.ParentID != s.SpanID {
			cause = s.ParentID
		}
		below[cause] = append(below[cause], s)
		if first.IsZero() || s.Start.Before(first) {
			first = s.Start
		}
	}
	var out []outlined
	seen := map[*signal.Span]bool{}
	var walk func(of []*signal.Span, depth int)
	walk = func(of []*signal.Span, depth int) {
		slices.SortStableFunc(of, func(a, b *signal.Span) int { return a.Start.Compare(b.Start) })
		for _, s := range of {
			if !seen[s] {
				seen[s] = true
				out = append(out, outlined{s, depth, first})
				walk(below[s.SpanID], depth+1)
			}
		}
	}
	walk(below[""], 0)
	for i := range spans { // what is left goes in circles
		walk([]*signal.Span{&spans[i]}, 0)
	}
	return out
}

func offset(d time.Duration) string { return "+" + millis(int64(d)) }

func named(s *signal.Span) string {
	if s.Version == "" {
		return s.Service
	}
	return s.Service + " " + s.Version
}

// teller is who made a span, and at which end of a hop.
func teller(s *signal.Span) string {
	who := "app"
	if s.Mesh {
		who = "sidecar"
	}
	return strings.TrimSpace(who + " " + s.Kind)
}

// statusOf is what the answer said, else how the span ended.
func statusOf(s *signal.Span) string {
	for _, key := range []string{signal.KeyGRPCStatus, signal.KeyStatus} {
		if v, ok := s.Attributes[key]; ok {
			if key == signal.KeyGRPCStatus {
				return "grpc " + value(v)
			}
			return value(v)
		}
	}
	if s.Status == "unset" {
		return ""
	}
	return s.Status
}

// oddities are what was not as usual.
func oddities(s *signal.Span) string {
	var out []string
	for _, key := range []string{signal.KeyFlags, signal.KeyReason} {
		if v := value(s.Attributes[key]); v != "" && v != "-" {
			out = append(out, v)
		}
	}
	if tries := value(s.Attributes[signal.KeyAttempts]); tries != "" && tries != "1" && tries != "0" {
		out = append(out, tries+" tries")
	}
	if s.StatusMessage != "" && !slices.Contains(out, s.StatusMessage) {
		out = append(out, s.StatusMessage)
	}
	return strings.Join(out, "; ")
}

// value is an attribute as people write it; JSON has one sort of number.
func value(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}
