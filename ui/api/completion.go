package api

import (
	"fmt"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sightline-mesh/sightline/collector/signal"
)

func (a *API) completeKeys(c *gin.Context) (any, error) {
	q, err := a.completionQuery(c)
	if err != nil {
		return nil, err
	}
	found, err := a.deps.Completion.CompleteKeys(c, q)
	if err != nil {
		return nil, fmt.Errorf("list attributes: %w", err)
	}
	return completionsAnswer{list(found)}, nil
}

func (a *API) completeValues(c *gin.Context) (any, error) {
	q, err := a.completionQuery(c)
	if err != nil {
		return nil, err
	}
	key := c.Query("key")
	if key == "" {
		return nil, badField("key", "is missing: want an attribute such as service")
	}
	found, err := a.deps.Completion.CompleteValues(c, key, q)
	if err != nil {
		return nil, fmt.Errorf("list values of %s: %w", key, err)
	}
	return completionsAnswer{list(found)}, nil
}

func (a *API) completionQuery(c *gin.Context) (signal.CompletionQuery, error) {
	if a.deps.Completion == nil {
		return signal.CompletionQuery{}, missingPart("the telemetry store")
	}
	start, end, err := a.period(c, time.Hour)
	q := signal.CompletionQuery{Of: signal.FilterOf(c.Query("of")), Typed: c.Query("typed"), Start: start, End: end, Limit: intParam(c, "limit", 20)}
	if q.Of == "" {
		q.Of = signal.OfSpans
	}
	return q, err
}
