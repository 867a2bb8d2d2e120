package api

import (
	"fmt"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sightline-mesh/sightline/collector/signal"
)

func (a *API) logs(c *gin.Context) (any, error) {
	q, err := a.logQuery(c)
	if err != nil {
		return nil, err
	}
	page, err := a.readLogs(c, q)
	if err != nil {
		return nil, err
	}
	page.Logs = list(page.Logs)
	return page, nil
}

func (a *API) logHistogram(c *gin.Context) (any, error) {
	if a.deps.Logs == nil {
		return nil, missingPart("the log store")
	}
	q, err := a.logQuery(c)
	if err != nil {
		return nil, err
	}
	h, err := a.deps.Logs.LogHistogram(c, q, intParam(c, "bins", 60))
	if err != nil {
		return nil, fmt.Errorf("count logs: %w", err)
	}
	return h, nil
}

func (a *API) logQuery(c *gin.Context) (signal.LogQuery, error) {
	start, end, err := a.period(c, time.Hour)
	return signal.LogQuery{
		Service:   c.Query("service"),
		TraceID:   c.Query("traceId"),
		RequestID: c.Query("requestId"),
		MinStatus: intParam(c, "minStatus", 0),
		Text:      c.Query("q"),
		Filter:    c.Query("filter"),
		Start:     start,
		End:       end,
		Limit:     intParam(c, "limit", 100),
		Cursor:    c.Query("cursor"),
	}, err
}

func (a *API) readLogs(c *gin.Context, q signal.LogQuery) (signal.LogPage, error) {
	if a.deps.Logs == nil {
		return signal.LogPage{}, missingPart("the log store")
	}
	page, err := a.deps.Logs.Logs(c, q)
	if err != nil {
		return page, fmt.Errorf("read logs: %w", err)
	}
	return page, nil
}
