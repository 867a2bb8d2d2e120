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

func spansTable() table[SpanRow] {
	type r = SpanRow
	return table[r]{name: "spans", statement: insertSpans, columns: []field[r]{
		of("trace_id", func(r *r) []byte { return r.TraceID[:] }),
		of("span_id", func(r *r) []byte { return r.SpanID[:] }),
		of("parent_id", func(r *r) []byte { return r.ParentID[:] }),
		of("trace_state", func(r *r) string { return r.TraceState }),
		of("name", func(r *r) string { return r.Name }),
		of("kind", func(r *r) string { return r.Kind }),
		of("service", func(r *r) string { return r.Service }),
		of("namespace", func(r *r) string { return r.Namespace }),
		of("version", func(r *r) string { return r.Version }),
		of("instance", func(r *r) string { return r.Instance }),
		of("mesh", func(r *r) bool { return r.Mesh }),
		of("scope", func(r *r) string { return r.Scope }),
		of("start", func(r *r) time.Time { return r.Start }),
		of("duration", func(r *r) uint64 { return uint64(max(r.Duration, 0)) }),
		of("status", func(r *r) string { return r.Status }),
		of("status_message", func(r *r) string { return r.StatusMessage }),
		of("failed", func(r *r) bool { return r.Failed }),
		of("peer", func(r *r) string { return r.Peer }),
		of("peer_version", func(r *r) string { return r.PeerVersion }),
		of("peer_instance", func(r *r) string { return r.PeerInstance }),
		of("peer_identity", func(r *r) string { return r.PeerIdentity }),
		of("route", func(r *r) string { return r.Route }),
		of("method", func(r *r) string { return r.Method }),
		of("path", func(r *r) string { return r.Path }),
		of("http_status", func(r *r) uint16 { return r.Hop.Status }),
		of("grpc_status", func(r *r) int16 { return r.GRPCStatus }),
		of("flags", func(r *r) string { return r.Flags }),
		of("reason", func(r *r) string { return r.Reason }),
		of("generated_by", func(r *r) string { return r.GeneratedBy }),
		of("attempts", func(r *r) uint16 { return r.Attempts }),
		of("protocol", func(r *r) string { return r.Protocol }),
		of("mtls", func(r *r) bool { return r.MTLS }),
		of("config_version", func(r *r) uint64 { return r.ConfigVersion }),
		of("request_id", func(r *r) string { return r.RequestID }),
		of("attributes", func(r *r) *Pairs[string] { return &r.Strings }),
		of("numbers", func(r *r) *Pairs[float64] { return &r.Numbers }),
		of("bools", func(r *r) *Pairs[bool] { return &r.Bools }),
		of("resource", func(r *r) *Pairs[string] { return &r.Resource }),
		of("event_times", func(r *r) []time.Time { return r.EventTimes }),
		of("event_names", func(r *r) []string { return r.EventNames }),
		of("event_attributes", func(r *r) []map[string]string { return r.EventAttributes }),
		of("link_trace_ids", func(r *r) []string { return r.LinkTraceIDs }),
		of("link_span_ids", func(r *r) []string { return r.LinkSpanIDs }),
	}}
}

func logsTable() table[LogRow] {
	type r = LogRow
	return table[r]{name: "logs", statement: insertLogs, columns: []field[r]{
		of("time", func(r *r) time.Time { return r.Time }),
		of("trace_id", func(r *r) []byte { return r.TraceID[:] }),
		of("span_id", func(r *r) []byte { return r.SpanID[:] }),
		of("service", func(r *r) string { return r.Service }),
		of("namespace", func(r *r) string { return r.Namespace }),
		of("version", func(r *r) string { return r.Version }),
		of("instance", func(r *r) string { return r.Instance }),
		of("access", func(r *r) bool { return r.Access }),
		of("scope", func(r *r) string { return r.Scope }),
		of("event", func(r *r) string { return r.Event }),
		of("severity", func(r *r) string { return r.Severity }),
		of("severity_number", func(r *r) uint8 { return r.SeverityNumber }),
		of("body", func(r *r) string { return r.Body }),
		of("reporter", func(r *r) string { return r.Reporter }),
		of("peer", func(r *r) string { return r.Peer }),
		of("peer_version", func(r *r) string { return r.PeerVersion }),
		of("peer_instance", func(r *r) string { return r.PeerInstance }),
		of("peer_identity", func(r *r) string { return r.PeerIdentity }),
		of("route", func(r *r) string { return r.Route }),
		of("method", func(r *r) string { return r.Method }),
		of("path", func(r *r) string { return r.Path }),
		of("authority", func(r *r) string { return r.Authority }),
		of("status", func(r *r) uint16 { return r.Status }),
		of("grpc_status", func(r *r) int16 { return r.GRPCStatus }),
		of("flags", func(r *r) string { return r.Flags }),
		of("reason", func(r *r) string { return r.Reason }),
		of("generated_by", func(r *r) string { return r.GeneratedBy }),
		of("attempts", func(r *r) uint16 { return r.Attempts }),
		of("tries", func(r *r) string { return r.Tries }),
		of("protocol", func(r *r) string { return r.Protocol }),
		of("mtls", func(r *r) bool { return r.MTLS }),
		of("config_version", func(r *r) uint64 { return r.ConfigVersion }),
		of("duration_ms", func(r *r) float64 { return r.DurationMS }),
		of("first_byte_ms", func(r *r) float64 { return r.FirstByteMS }),
		of("bytes_in", func(r *r) uint64 { return r.BytesIn }),
		of("bytes_out", func(r *r) uint64 { return r.BytesOut }),
		of("request_id", func(r *r) string { return r.RequestID }),
		of("user_agent", func(r *r) string { return r.UserAgent }),
		of("attributes", func(r *r) *Pairs[string] { return &r.Strings }),
		of("numbers", func(r *r) *Pairs[float64] { return &r.Numbers }),
		of("bools", func(r *r) *Pairs[bool] { return &r.Bools }),
		of("resource", func(r *r) *Pairs[string] { return &r.Resource }),
	}}
}

func redTable() table[REDRow] {
	type r = REDRow
	return table[r]{name: "red", statement: insertRED, columns: []field[r]{
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
	}}
}
