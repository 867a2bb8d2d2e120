package demo

import (
	"fmt"
	"io"
)

// Text writes the report for people.
func (r Report) Text(w io.Writer) error {
	_, err := fmt.Fprintf(w, `%d requests, %d failed (%d by an app, %d by the mesh itself)
p50 %.1f ms, p99 %.1f ms
%d services, %d sidecars, %d edges, %.1f %% of requests over mutual TLS
spans: %d made, %d stored, %d dropped; access logs: %d made, %d stored, %d dropped
`, r.Requests, r.Failed, r.FailedBy.App, r.FailedBy.Mesh, r.LatencyMS.P50, r.LatencyMS.P99,
		r.Services, r.Proxies, r.Edges, 100*r.MTLSShare,
		r.Spans.Sent, r.Spans.Stored, r.Spans.Dropped, r.Logs.Sent, r.Logs.Stored, r.Logs.Dropped)
	for _, f := range r.Faults {
		if err == nil {
			_, err = fmt.Fprintf(w, "%s on %s: mitigated after %.1f s, released %.1f s after its end, %d requests failed\n",
				f.Kind, f.Target, f.MitigatedAfter, f.ReleasedAfter, f.FailedRequests)
		}
	}
	if err == nil {
		_, err = fmt.Fprintf(w, "%d false trips\n", r.False)
	}
	return err
}
