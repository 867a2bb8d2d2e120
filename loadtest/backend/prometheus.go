package backend

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/promql"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// P99 is the query of a panel that shows the latency of every service.
const P99 = "histogram_quantile(0.99, sum by (le, destination_service_name) (rate(istio_request_duration_milliseconds_bucket[5m])))"

// QueryRange asks as a panel of a dashboard does.
func QueryRange(ctx context.Context, s *clickhouse.Store, query string, w signal.Window, step time.Duration) error {
	q := url.Values{
		"query": {query}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
		"start": {strconv.FormatInt(w.Start.Unix(), 10)}, "end": {strconv.FormatInt(w.End.Unix(), 10)},
	}
	req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/query_range?"+q.Encode(), http.NoBody)
	res := httptest.NewRecorder()
	promql.New(promql.Config{}, s).Handler(nil).ServeHTTP(res, req)
	if res.Code != http.StatusOK {
		return fmt.Errorf("%s: %d: %s", query, res.Code, res.Body)
	}
	return nil
}
