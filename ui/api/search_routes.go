package api

import (
	"slices"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/ui/session"
)

const (
	maxFilter   = 4096 // bytes
	filterAbout = `What one span must meet: service = "cart" AND duration > 250ms AND NOT (code < 500 OR path =~ "^/health").`
)

var cursorParam = param{name: "cursor", in: "query", about: "The field next of the page before."}

// traceParams are those of a search for traces.
func traceParams(more ...param) []param {
	return append([]param{
		serviceParam, startParam, endParam, limitParam,
		{name: "minDuration", in: "query", kind: duration, about: "Traces at least this long."},
		{name: "maxDuration", in: "query", kind: duration, about: "Traces at most this long."},
		{name: "status", in: "query", about: "error, ok, or a status code."},
		{name: "q", in: "query", about: "A span name, a path, or key=value."},
		{name: "filter", in: "query", max: maxFilter, about: filterAbout},
	}, more...)
}

// spanParams are those of a question about all spans of a search. Durations are the
// spans' own there.
func spanParams(more ...param) []param {
	return append(traceParams(param{name: "roots", in: "query", kind: flag, about: "Only spans without a parent."}), more...)
}

// logParams are those of a search for logs.
func logParams(more ...param) []param {
	return append([]param{
		serviceParam, startParam, endParam, limitParam,
		{name: "traceId", in: "query", kind: traceID, about: "Only of this trace."},
		{name: "requestId", in: "query", about: "Only of this request."},
		{name: "minStatus", in: "query", kind: count, max: 599, about: "Status codes from here on."},
		{name: "q", in: "query", about: "Text in path, body or reason."},
		{name: "filter", in: "query", max: maxFilter, about: `What a row must meet: severity = ERROR AND body =~ "time.?out".`},
	}, more...)
}

func (a *API) searchRoutes() []route {
	return slices.Concat(a.traceRoutes(), a.logRoutes(), a.completionRoutes())
}

func (a *API) traceRoutes() []route {
	return []route{
		{
			method: "GET", path: "/api/v1/traces", summary: "Search traces, newest first", role: session.Viewer,
			params: traceParams(cursorParam), result: signal.TracePage{}, serve: a.searchTraces,
		},
		{
			method: "GET", path: "/api/v1/traces/heatmap", summary: "How many spans of a search took how long, and when", role: session.Viewer,
			params: spanParams(
				param{name: "columns", in: "query", kind: count, max: 300, about: "Parts of the period; 60 when missing."},
				param{name: "since", in: "query", kind: instant, about: "Count only what began here or later, in the columns of the whole period."},
			),
			result: signal.Heatmap{}, serve: a.heatmap,
		},
		{
			method: "GET", path: "/api/v1/traces/deltas", summary: "Which attributes some spans of a search have and the others have not", role: session.Viewer,
			params: spanParams(
				param{name: "selected", in: "query", max: maxFilter, about: `What tells these spans from the others: status = error.`},
				param{name: "from", in: "query", kind: instant, about: "These spans began here or later."},
				param{name: "to", in: "query", kind: instant, about: "These spans began before."},
			), result: signal.Deltas{}, serve: a.deltas,
		},
		{
			method: "GET", path: "/api/v1/traces/{id}", summary: "Every span of one trace", role: session.Viewer,
			params: []param{{name: "id", in: "path", kind: traceID, about: "The trace's id."}},
			result: traceAnswer{}, serve: a.trace,
		},
	}
}

func (a *API) logRoutes() []route {
	return []route{
		{
			method: "GET", path: "/api/v1/logs", summary: "Access logs and apps' records, newest first", role: session.Viewer,
			params: logParams(cursorParam), result: signal.LogPage{}, serve: a.logs,
		},
		{
			method: "GET", path: "/api/v1/logs/histogram", summary: "How many rows of a search there are, when, by severity", role: session.Viewer,
			params: logParams(param{name: "bins", in: "query", kind: count, max: 300, about: "Parts of the period; 60 when missing."}),
			result: signal.LogHistogram{}, serve: a.logHistogram,
		},
	}
}

func (a *API) completionRoutes() []route {
	params := []param{
		{name: "of", in: "query", oneOf: []string{string(signal.OfSpans), string(signal.OfLogs)}, about: "What the filter is about; spans when missing."},
		{name: "typed", in: "query", about: "What there is of it, of any case."},
		startParam, endParam, limitParam,
	}
	return []route{
		{
			method: "GET", path: "/api/v1/attributes", summary: "Keys that a filter may have, the most frequent first", role: session.Viewer,
			params: params, result: completionsAnswer{}, serve: a.completeKeys,
		},
		{
			method: "GET", path: "/api/v1/attributes/values", summary: "Values of a key, the most frequent first", role: session.Viewer,
			params: append(params, param{name: "key", in: "query", about: "The attribute, as a filter has it."}),
			result: completionsAnswer{}, serve: a.completeValues,
		},
	}
}
