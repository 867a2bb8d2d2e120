package exporter

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// token names a batch by its content: the same request always has the same token, in
// this process or the next.
func token(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:16])
}

// traceToken names a batch of spans by what tells spans apart, which is a tenth of what
// there is to hash.
func traceToken(td ptrace.Traces) string {
	h := sha256.New()
	b := make([]byte, 0, 256)
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				trace, id := s.TraceID(), s.SpanID()
				b = append(append(b[:0], trace[:]...), id[:]...)
				b = binary.LittleEndian.AppendUint64(b, uint64(s.StartTimestamp()))
				b = binary.LittleEndian.AppendUint64(b, uint64(s.EndTimestamp()))
				b = binary.LittleEndian.AppendUint64(b, uint64(s.Attributes().Len()))
				b = append(b, s.Name()...)
				_, _ = h.Write(b) // it never fails
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
