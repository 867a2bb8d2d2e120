package main

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/collector/signal"
)

const tracesPath = "/api/v1/traces"

// traceSearch is what traces are looked for by.
type traceSearch struct {
	service, status, text, filter string
	shortest, longest             time.Duration
	since, until                  moment
	limit                         int
}

func newTraces(g *globals) *cobra.Command {
	s := traceSearch{since: moment{ago: time.Hour}}
	c := &cobra.Command{
		Use:   "traces",
		Short: "Search the traces of the past, newest first",
		Long: `Search the traces of the past, newest first.

A trace is found that one of its spans fits. --filter asks for more than the other flags do,
in a language of its own: keys such as service, name, duration, code, path, flags, reason and
any attribute; = != > >= < <= =~ !~ ~ and exists; AND, OR, NOT and parentheses.`,
		Example: `  sightline traces --service cart --status error --since 30m
  sightline traces --min-duration 250ms --filter 'path =~ "^/checkout" AND NOT code = 404'
  sightline trace 4bf92f3577b34da6a3ce929d0e0e4736`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			page, err := s.find(c, g, time.Now())
			if err != nil {
				return fmt.Errorf("traces: %w", err)
			}
			g.sayNone(c, len(page.Traces), "no trace fits: traces are kept of the requests that were sampled, for as long as the store keeps them")
			return g.print(c.OutOrStdout(), page, func(t *table) { tellTraces(t, page) })
		},
	}
	f := c.Flags()
	f.StringVar(&s.service, "service", "", "only those that this service had a part in")
	f.StringVar(&s.status, "status", "", "error, ok or a status code such as 503")
	f.StringVar(&s.text, "text", "", "a span's name, a path, or key=value")
	f.StringVar(&s.filter, "filter", "", `what one span has to fit, such as 'service = "cart" AND duration > 250ms'`)
	f.DurationVar(&s.shortest, "min-duration", 0, "only those that took as long at least")
	f.DurationVar(&s.longest, "max-duration", 0, "only those that took no longer")
	f.Var(&s.since, "since", "how long ago they began at most, or after which time (RFC 3339)")
	f.Var(&s.until, "until", "how long ago they began at least, or before which time (RFC 3339)")
	f.IntVar(&s.limit, "limit", 20, "how many at most, up to 1000")
	_ = c.RegisterFlagCompletionFunc("service", func(c *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return g.completeService(c, nil, word)
	})
	_ = c.RegisterFlagCompletionFunc("status", cobra.FixedCompletions([]cobra.Completion{"error", "ok"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (s *traceSearch) find(c *cobra.Command, g *globals, now time.Time) (signal.TracePage, error) {
	var page signal.TracePage
	if s.limit < 1 || s.limit > 1000 {
		return page, fmt.Errorf("--limit %d: want 1 to 1000", s.limit)
	}
	api, err := g.api()
	if err != nil {
		return page, err
	}
	q := url.Values{"start": {s.since.before(now)}, "end": {s.until.before(now)}, "limit": {strconv.Itoa(s.limit)}}
	for name, value := range map[string]string{"service": s.service, "status": s.status, "q": s.text, "filter": s.filter} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for name, d := range map[string]time.Duration{"minDuration": s.shortest, "maxDuration": s.longest} {
		if d != 0 {
			q.Set(name, d.String())
		}
	}
	return page, api.Get(c.Context(), tracesPath, q, &page)
}

func tellTraces(t *table, page signal.TracePage) {
	t.head("TRACE", "BEGAN", "MS", "SPANS", "ERRORS", "REQUEST", "SERVICES")
	t.spare("SERVICES", "SPANS")
	for _, one := range page.Traces {
		t.row(one.TraceID, one.Start, millis(one.DurationNS), strconv.Itoa(one.Spans), strconv.Itoa(one.Errors),
			strings.TrimSpace(one.RootService+" "+one.RootName), strings.Join(one.Services, " "))
	}
	t.end()
	switch last := len(page.Traces) - 1; {
	case page.Partial != "":
		t.row("There may be more: " + page.Partial + ".")
	case page.Next != "" && last >= 0:
		t.row("There are more: --limit, or --until " + page.Traces[last].Start.UTC().Format(time.RFC3339Nano) + " for older ones.")
	}
}

func millis(ns int64) string {
	return strconv.FormatFloat(float64(ns)/float64(time.Millisecond), 'f', 1, 64)
}

// moment is a time, given as such or by how long ago it was.
type moment struct {
	at  time.Time
	ago time.Duration
}

// String implements pflag.Value.
func (m *moment) String() string {
	switch {
	case !m.at.IsZero():
		return m.at.Format(time.RFC3339Nano)
	case m.ago == 0:
		return ""
	}
	return m.ago.String()
}

// Type implements pflag.Value.
func (*moment) Type() string { return "time" }

// Set implements pflag.Value.
func (m *moment) Set(s string) error {
	if at, err := time.Parse(time.RFC3339Nano, s); err == nil {
		*m = moment{at: at}
		return nil
	}
	ago, err := time.ParseDuration(s)
	if err != nil || ago < 0 {
		return errors.New("want how long ago, such as 30m, or a time such as 2026-01-31T15:04:05Z")
	}
	*m = moment{ago: ago}
	return nil
}

// before is the moment, seen from now, as the API reads it.
func (m *moment) before(now time.Time) string {
	at := m.at
	if at.IsZero() {
		at = now.Add(-m.ago)
	}
	return at.UTC().Format(time.RFC3339Nano)
}
