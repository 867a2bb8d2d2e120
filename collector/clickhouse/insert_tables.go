package clickhouse

import (
	_ "embed"
	"time"
)

var (
	//go:embed sql/insert/spans.sql
	insertSpans string
	//go:embed sql/insert/logs.sql
	insertLogs string
	//go:embed sql/insert/red.sql
	insertRED string
)

// told are the columns that spans and logs have in common, which stand last in their
// statements: who a row is about, what a sidecar knows of the request, and the rest.
// status is what the table calls the HTTP status.
func told[R any](status string, about func(*R) *Workload, hop func(*R) *Hop, rest func(*R) *Attributes) []field[R] {
	return []field[R]{
		of("service", func(r *R) string { return about(r).Service }),
		of("namespace", func(r *R) string { return about(r).Namespace }),
		of("version", func(r *R) string { return about(r).Version }),
		of("instance", func(r *R) string { return about(r).Instance }),
		of("peer", func(r *R) string { return hop(r).Peer }),
		of("peer_version", func(r *R) string { return hop(r).PeerVersion }),
		of("peer_instance", func(r *R) string { return hop(r).PeerInstance }),
		of("peer_identity", func(r *R) string { return hop(r).PeerIdentity }),
		of("route", func(r *R) string { return hop(r).Route }),
		of("method", func(r *R) string { return hop(r).Method }),
		of("path", func(r *R) string { return hop(r).Path }),
		of(status, func(r *R) uint16 { return hop(r).Status }),
		of("grpc_status", func(r *R) int16 { return hop(r).GRPCStatus }),
		of("flags", func(r *R) string { return hop(r).Flags }),
		of("reason", func(r *R) string { return hop(r).Reason }),
		of("generated_by", func(r *R) string { return hop(r).GeneratedBy }),
		of("attempts", func(r *R) uint16 { return hop(r).Attempts }),
		of("protocol", func(r *R) string { return hop(r).Protocol }),
		of("mtls", func(r *R) bool { return hop(r).MTLS }),
		of("config_version", func(r *R) uint64 { return hop(r).ConfigVersion }),
		pairsOf("attributes", func(r *R) *Pairs[string] { return &rest(r).Strings }),
		pairsOf("numbers", func(r *R) *Pairs[float64] { return &rest(r).Numbers }),
		pairsOf("bools", func(r *R) *Pairs[bool] { return &rest(r).Bools }),
		pairsOf("resource", func(r *R) *Pairs[string] { return &rest(r).Resource }),
	}
}

func spansTable() *table[SpanRow] {
	type r = SpanRow
	return &table[r]{name: "spans_by_time", statement: insertSpans, columns: append([]field[r]{
		fixed("trace_id", "FixedString(16)", len(TraceID{}), func(r *r) []byte { return r.TraceID[:] }),
		fixed("span_id", "FixedString(8)", len(SpanID{}), func(r *r) []byte { return r.SpanID[:] }),
		fixed("parent_id", "FixedString(8)", len(SpanID{}), func(r *r) []byte { return r.ParentID[:] }),
		of("trace_state", func(r *r) string { return r.TraceState }),
		of("name", func(r *r) string { return r.Name }),
		of("kind", func(r *r) string { return r.Kind }),
		of("mesh", func(r *r) bool { return r.Mesh }),
		of("scope", func(r *r) string { return r.Scope }),
		of("start", func(r *r) time.Time { return r.Start }),
		of("duration", func(r *r) uint64 { return uint64(max(r.Duration, 0)) }),
		of("status", func(r *r) string { return r.Status }),
		of("status_message", func(r *r) string { return r.StatusMessage }),
		of("failed", func(r *r) bool { return r.Failed }),
		withDefault("weight", each(floats, func(w float32) bool { return w == 1 }), func(r *r) float32 { return max(r.Weight, 1) }, 1),
		of("event_times", func(r *r) []time.Time { return r.EventTimes }),
		of("event_names", func(r *r) []string { return r.EventNames }),
		of("event_attributes", func(r *r) []map[string]string { return r.EventAttributes }),
		columnOf("link_trace_ids", list(fixedText("FixedString(16)", 16)), func(r *r) []string { return r.LinkTraceIDs }),
		columnOf("link_span_ids", list(fixedText("FixedString(8)", 8)), func(r *r) []string { return r.LinkSpanIDs }),
		of("request_id", func(r *r) string { return r.RequestID }),
	}, told("http_status",
		func(r *r) *Workload { return &r.Workload },
		func(r *r) *Hop { return &r.Hop },
		func(r *r) *Attributes { return &r.Attributes })...)}
}

func logsTable() *table[LogRow] {
	type r = LogRow
	return &table[r]{name: "logs", statement: insertLogs, columns: append([]field[r]{
		of("time", func(r *r) time.Time { return r.Time }),
		fixed("trace_id", "FixedString(16)", len(TraceID{}), func(r *r) []byte { return r.TraceID[:] }),
		fixed("span_id", "FixedString(8)", len(SpanID{}), func(r *r) []byte { return r.SpanID[:] }),
		of("access", func(r *r) bool { return r.Access }),
		of("scope", func(r *r) string { return r.Scope }),
		of("event", func(r *r) string { return r.Event }),
		of("severity", func(r *r) string { return r.Severity }),
		of("severity_number", func(r *r) uint8 { return r.SeverityNumber }),
		of("body", func(r *r) string { return r.Body }),
		of("reporter", func(r *r) string { return r.Reporter }),
		of("authority", func(r *r) string { return r.Authority }),
		of("tries", func(r *r) string { return r.Tries }),
		of("duration_ms", func(r *r) float64 { return r.DurationMS }),
		of("first_byte_ms", func(r *r) float64 { return r.FirstByteMS }),
		of("bytes_in", func(r *r) uint64 { return r.BytesIn }),
		of("bytes_out", func(r *r) uint64 { return r.BytesOut }),
		of("user_agent", func(r *r) string { return r.UserAgent }),
		of("request_id", ownRequestID),
	}, told("status",
		func(r *r) *Workload { return &r.Workload },
		func(r *r) *Hop { return &r.Hop },
		func(r *r) *Attributes { return &r.Attributes })...)}
}

func redTable() *table[REDRow] {
	type r = REDRow
	return &table[r]{name: "red", statement: insertRED, columns: []field[r]{
		of("time", func(r *r) time.Time { return r.Time }),
		of("reporter", func(r *r) string { return r.Reporter }),
		of("source", func(r *r) string { return r.Source }),
		of("source_version", func(r *r) string { return r.SourceVersion }),
		of("destination", func(r *r) string { return r.Destination }),
		of("destination_version", func(r *r) string { return r.DestinationVersion }),
		of("instance", func(r *r) string { return r.Instance }),
		of("route", func(r *r) string { return r.Route }),
		of("method", func(r *r) string { return r.Method }),
		of("status", func(r *r) uint16 { return r.Status }),
		of("grpc_status", func(r *r) int16 { return r.GRPCStatus }),
		of("flags", func(r *r) string { return r.Flags }),
		of("protocol", func(r *r) string { return r.Protocol }),
		of("mtls", func(r *r) bool { return r.MTLS }),
		of("requests", func(r *r) uint64 { return r.Requests }),
		of("failed", func(r *r) uint64 { return r.Failed }),
		of("duration_sum", func(r *r) float64 { return r.DurationSum }),
		of("buckets", func(r *r) map[int16]uint64 { return r.Buckets }),
		of("bytes_in", func(r *r) uint64 { return r.BytesIn }),
		of("bytes_out", func(r *r) uint64 { return r.BytesOut }),
		of("opened", func(r *r) uint64 { return r.Opened }),
	}}
}
