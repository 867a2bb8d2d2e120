package api

import (
	"fmt"

	"github.com/gin-gonic/gin"

	"github.com/sightline-mesh/sightline/collector/signal"
)

func (a *API) heatmap(c *gin.Context) (any, error) {
	q, err := a.spanQuery(c)
	if err != nil {
		return nil, err
	}
	q.Since = timeParam(c, "since")
	h, err := a.deps.SpanSets.Heatmap(c, q, intParam(c, "columns", 60))
	if err != nil {
		return nil, fmt.Errorf("make heatmap: %w", err)
	}
	h.Cells = list(h.Cells)
	return h, nil
}

func (a *API) deltas(c *gin.Context) (any, error) {
	q, err := a.spanQuery(c)
	if err != nil {
		return nil, err
	}
	asked := signal.DeltaQuery{
		SpanQuery: q, Selected: c.Query("selected"), Limit: q.Search.Limit,
		From: timeParam(c, "from"), To: timeParam(c, "to"),
	}
	if asked.Selected == "" && asked.From.IsZero() && asked.To.IsZero() {
		return nil, badField("selected", "is missing, and from and to: want what tells the spans from the others, such as status = error")
	}
	d, err := a.deps.SpanSets.Deltas(c, asked)
	if err != nil {
		return nil, fmt.Errorf("compare spans: %w", err)
	}
	d.Keys = list(d.Keys)
	for i := range d.Keys {
		d.Keys[i].Values = list(d.Keys[i].Values)
	}
	return d, nil
}

func (a *API) spanQuery(c *gin.Context) (signal.SpanQuery, error) {
	if a.deps.SpanSets == nil {
		return signal.SpanQuery{}, missingPart("the trace store")
	}
	q, err := a.traceQuery(c)
	return signal.SpanQuery{Search: q, Roots: c.Query("roots") == "true"}, err
}
