package clickhouse

import (
	"maps"

	"github.com/sightline-mesh/sightline/collector/filter"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// schema is what a filter may say about the rows of a table.
type schema struct {
	intrinsic map[string]promoted // short names, only without a scope
	span      map[string]promoted // attributes of the row
	resource  map[string]promoted
	texts     []string   // where text without a key is looked for
	requestID requestIDs // that may be that text, whole
}

// anywhere finds rows that hold a text.
func (t *schema) anywhere(c *condition, text string) string {
	value := c.text(text)
	var parts []string
	for _, column := range t.texts {
		parts = append(parts, contains(value)(column))
	}
	return or(append(parts, t.requestID(c, text)))
}

// column finds the column of a key. Keys without one are attributes.
func (t *schema) column(e filter.Comparison) (promoted, bool) {
	switch e.Scope {
	case filter.Span:
		c, ok := t.span[e.Key]
		return c, ok
	case filter.Resource:
		c, ok := t.resource[e.Key]
		return c, ok
	}
	for _, m := range []map[string]promoted{t.intrinsic, t.span, t.resource} {
		if c, ok := m[e.Key]; ok {
			return c, true
		}
	}
	return promoted{}, false
}

var workloadColumns = map[string]promoted{
	signal.KeyService:   textColumn("service"),
	signal.KeyNamespace: textColumn("namespace"),
	signal.KeyVersion:   textColumn("version"),
	signal.KeyInstance:  textColumn("instance"),
}

// hopColumns are the attributes that spans and access logs share; status is the name of
// the column with the code, saidMTLS says when mtls means something.
func hopColumns(status, saidStatus, saidMTLS string) map[string]promoted {
	return map[string]promoted{
		signal.KeyPeer:       textColumn("peer"),
		signal.KeyPeerVer:    textColumn("peer_version"),
		signal.KeyPeerInst:   textColumn("peer_instance"),
		signal.KeyPeerID:     textColumn("peer_identity"),
		signal.KeyRoute:      textColumn("route"),
		signal.KeyMethod:     textColumn("method"),
		signal.KeyPath:       textColumn("path"),
		signal.KeyStatus:     numberColumn(status, saidStatus),
		signal.KeyGRPCStatus: numberColumn("grpc_status", "grpc_status >= 0"),
		signal.KeyFlags:      listColumn("flags"),
		signal.KeyReason:     textColumn("reason"),
		signal.KeyGenerated:  textColumn("generated_by"),
		signal.KeyAttempts:   numberColumn("attempts", "attempts != 0"),
		signal.KeyProtocol:   textColumn("protocol"),
		signal.KeyMTLS:       truthColumn("mtls", saidMTLS),
		signal.KeyConfig:     numberColumn("config_version", "config_version != 0"),
	}
}

// short are the names without their prefixes, which people type.
func short(span, own map[string]promoted) map[string]promoted {
	all := map[string]promoted{
		"service": textColumn("service"), "namespace": textColumn("namespace"),
		"version": textColumn("version"), "instance": textColumn("instance"),
	}
	for name, key := range map[string]string{
		"peer": signal.KeyPeer, "peer.version": signal.KeyPeerVer, "peer.instance": signal.KeyPeerInst,
		"route": signal.KeyRoute, "method": signal.KeyMethod, "path": signal.KeyPath, "code": signal.KeyStatus,
		"flags": signal.KeyFlags, "reason": signal.KeyReason, "mtls": signal.KeyMTLS, "request_id": signal.KeyRequestID,
	} {
		all[name] = span[key]
	}
	maps.Copy(all, own)
	return all
}

// spanSchema is what filters know of the spans' tables. A request that was never answered
// has the code 0.
var spanSchema = newSpanSchema()

func newSpanSchema() *schema {
	span := hopColumns("http_status", "(http_status != 0 OR (mesh AND kind IN ('client', 'server')))", "mesh")
	span[signal.KeyRequestID] = textColumn("request_id")
	return &schema{
		span: span, resource: workloadColumns,
		texts: []string{"name", "path", "reason", "status_message"}, requestID: requestIDAlone,
		intrinsic: short(span, map[string]promoted{
			"name":           textColumn("name"),
			"kind":           wordColumn("kind", "unspecified", "internal", "server", "client", "producer", "consumer"),
			"status":         wordColumn("status", "unset", "ok", "error"),
			"status.message": textColumn("status_message"),
			"duration":       durationColumn("duration"),
			"failed":         truthColumn("failed", "1"),
			"mesh":           truthColumn("mesh", "1"),
			"scope.name":     textColumn("scope"),
			"trace_id":       idColumn("trace_id", len(TraceID{})),
			"span_id":        idColumn("span_id", len(SpanID{})),
			"parent_id":      idColumn("parent_id", len(SpanID{})),
			"root":           truthColumn("(parent_id = toFixedString('', 8))", "1"),
			"event.name":     anyOf("event_names"),
		}),
	}
}

// anyOf is an array of text of which one has to do.
func anyOf(sql string) promoted {
	each := textColumn("x")
	return promoted{textKind, "arrayStringConcat(" + sql + ", ',')", "notEmpty(" + sql + ")", func(c *condition, e filter.Comparison) (string, string) {
		inner, want := each.compare(c, e)
		return "arrayExists(x -> " + inner + ", " + sql + ")", want
	}}
}

// logSchema is what filters know of the table logs.
var logSchema = newLogSchema()

func newLogSchema() *schema {
	own := hopColumns("status", "(status != 0 OR access)", "access")
	maps.Copy(own, map[string]promoted{
		signal.KeyRequestID: requestIDColumn(),
		signal.KeyReporter:  textColumn("reporter"),
		signal.KeyAuthority: textColumn("authority"),
		signal.KeyUserAgent: textColumn("user_agent"),
		signal.KeyTries:     textColumn("tries"),
		signal.KeyDuration:  millisColumn("duration_ms", "access"),
		signal.KeyFirstByte: millisColumn("first_byte_ms", "access"),
		signal.KeyBytesIn:   numberColumn("bytes_in", "access"),
		signal.KeyBytesOut:  numberColumn("bytes_out", "access"),
	})
	return &schema{
		span: own, resource: workloadColumns,
		texts: []string{"body", "path", "reason"}, requestID: requestIDOrTrace,
		intrinsic: short(own, map[string]promoted{
			"body":       textColumn("body"),
			"severity":   textColumn("severity"),
			"event":      textColumn("event"),
			"access":     truthColumn("access", "1"),
			"reporter":   textColumn("reporter"),
			"duration":   millisColumn("duration_ms", "access"),
			"scope.name": textColumn("scope"),
			"trace_id":   idColumn("trace_id", len(TraceID{})),
			"span_id":    idColumn("span_id", len(SpanID{})),
		}),
	}
}
