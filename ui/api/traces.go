package api

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sightline-mesh/sightline/collector/signal"
)

func (a *API) searchTraces(c *gin.Context) (any, error) {
	if a.deps.Traces == nil {
		return nil, missingPart("the trace store")
	}
	q, err := a.traceQuery(c)
	if err != nil {
		return nil, err
	}
	page, err := a.deps.Traces.SearchTraces(c, q)
	if err != nil {
		return nil, fmt.Errorf("search traces: %w", err)
	}
	page.Traces = list(page.Traces)
	return page, nil
}

func (a *API) traceQuery(c *gin.Context) (signal.TraceQuery, error) {
	start, end, err := a.period(c, time.Hour)
	if err != nil {
		return signal.TraceQuery{}, err
	}
	q := signal.TraceQuery{
		Service:     c.Query("service"),
		MinDuration: durationParam(c, "minDuration", 0),
		MaxDuration: durationParam(c, "maxDuration", 0),
		Status:      c.Query("status"),
		Text:        c.Query("q"),
		Filter:      c.Query("filter"),
		Start:       start,
		End:         end,
		Limit:       intParam(c, "limit", 50),
		Cursor:      c.Query("cursor"),
	}
	if !validStatus(q.Status) {
		return q, badField("status", fmt.Sprintf("is %q, want error, ok or a status code", q.Status))
	}
	if q.MaxDuration > 0 && q.MaxDuration < q.MinDuration {
		return q, badField("maxDuration", "is shorter than minDuration")
	}
	return q, nil
}

func validStatus(s string) bool {
	if s == "" || s == "error" || s == "ok" {
		return true
	}
	n, err := strconv.Atoi(s)
	return err == nil && n >= 0 && n <= 599
}

func (a *API) trace(c *gin.Context) (any, error) {
	if a.deps.Traces == nil {
		return nil, missingPart("the trace store")
	}
	id := c.Param("id")
	spans, err := a.deps.Traces.Trace(c, id)
	if err != nil {
		err = fmt.Errorf("read trace %s: %w", id, err)
	} else if len(spans) == 0 {
		err = problem(http.StatusNotFound, "trace "+id+" is not in the store: it was not sampled, or its time has passed")
	}
	if err == nil {
		return traceAnswer{TraceID: id, Spans: spans, Partial: a.lacking(windowOf(spans), signal.SpanTables()...)}, nil
	}
	if a.problemOf(err).Status != http.StatusNotFound {
		return nil, err
	}
	if why := a.leftOut(id); why != "" {
		return nil, problem(http.StatusNotFound, "trace "+id+" is not in the store: "+why+"; its requests are in the access log, as `sightline why "+id+"` tells")
	}
	if lacks := a.lacking(signal.Window{End: a.now()}, signal.SpanTables()...); lacks != "" {
		return nil, problem(http.StatusNotFound, "trace "+id+" is not in the store, and may have been: "+lacks)
	}
	return nil, err
}

// windowOf is when the spans of a trace were made.
func windowOf(spans []signal.Span) signal.Window {
	w := signal.Window{Start: spans[0].Start}
	for _, s := range spans {
		if s.Start.Before(w.Start) {
			w.Start = s.Start
		}
		if end := s.Start.Add(time.Duration(s.DurationNS)); end.After(w.End) {
			w.End = end
		}
	}
	return w
}

// lacking says which damaged parts of the store hold something of a window, empty for none.
func (a *API) lacking(w signal.Window, tables ...string) string {
	if a.deps.Store == nil {
		return ""
	}
	return signal.Lacking(a.deps.Store().Damaged, w, tables...)
}

// leftOut says that a trace was left out as an ordinary one, empty where that is not known.
func (a *API) leftOut(id string) string {
	if a.deps.LeftOut == nil {
		return ""
	}
	share, ok := a.deps.LeftOut(id)
	if !ok {
		return ""
	}
	return fmt.Sprintf("it was left out as an ordinary one, when %.3g %% of those were kept", 100*share)
}
