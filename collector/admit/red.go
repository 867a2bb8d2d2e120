package admit

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/sightline-mesh/sightline/collector/cardinality"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// reporter keeps the instances few that report on a service: each has rows of its own,
// the overflow row too.
func (a *Admission) reporter(o owner, r pcommon.Resource, points int, out *Outcome) {
	attrs := r.Attributes()
	sum := a.pair(signal.KeyInstance, a.text(attrs, signal.KeyInstance)) + a.pair(signal.KeyVersion, a.text(attrs, signal.KeyVersion))
	if a.reporters.Admit(o.key(sum)) == cardinality.Room {
		return
	}
	attrs.PutStr(signal.KeyInstance, signal.Overflow)
	attrs.PutStr(signal.KeyVersion, signal.Overflow)
	out.overflowed(overflowReport, points)
}

// row keeps the rows of request metrics few. A point whose row would be one too many
// goes to the overflow row, which says whether it went well, and as long as they are few
// to which peer: the graph's edges stay right longest.
func (s *scopeMetrics) row(attrs pcommon.Map) {
	if s.rows.Admit(s.key(s.origin+s.hash(attrs))) == cardinality.Room {
		return
	}
	s.out.overflowed(overflowKey, 1)
	peer := s.pair(signal.KeyPeer, s.text(attrs, signal.KeyPeer)) + s.pair(signal.KeyPeerVer, s.text(attrs, signal.KeyPeerVer))
	status := statusClass(attrs)
	if s.peers.Admit(s.key(peer)) != cardinality.Room {
		attrs.PutStr(signal.KeyPeer, signal.Overflow)
		attrs.PutStr(signal.KeyPeerVer, signal.Overflow)
	}
	for _, key := range []string{signal.KeyPeerInst, signal.KeyRoute, signal.KeyMethod, signal.KeyFlags, signal.KeyProtocol} {
		attrs.PutStr(key, signal.Overflow)
	}
	attrs.Remove(signal.KeyGRPCStatus)
	attrs.PutInt(signal.KeyStatus, status)
	if r := s.text(attrs, signal.KeyReporter); r != signal.Destination {
		attrs.PutStr(signal.KeyReporter, signal.Source)
	}
	attrs.PutBool(signal.KeyOverflow, true)
}

// statusClass is the status that the overflow row has for a point, as sidecars tell it in
// theirs: failed requests stay failed.
func statusClass(attrs pcommon.Map) int64 {
	whole := func(key string, otherwise int64) int64 {
		if v, ok := attrs.Get(key); ok && v.Type() == pcommon.ValueTypeInt {
			return v.Int()
		}
		return otherwise
	}
	text := func(key string) string {
		if v, ok := attrs.Get(key); ok {
			return textOf(v)
		}
		return ""
	}
	const class, most = 100, 599
	status := whole(signal.KeyStatus, 0)
	switch {
	case signal.FailedHop(text(signal.KeyProtocol), int(status), int(whole(signal.KeyGRPCStatus, -1)), text(signal.KeyFlags)):
		return 500
	case status < class || status > most: // a stream that went well has none
		return 200
	}
	return status / class * class
}
