package serve

import (
	"strconv"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/proxy/http2"
)

// isGRPC reports whether a content-type is gRPC's: application/grpc, +proto and the
// like; not application/grpc-web.
func isGRPC(contentType string) bool {
	rest, ok := strings.CutPrefix(contentType, "application/grpc")
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';')
}

// grpcStatus is the status of gRPC in a head or in trailers, -1 if there is none.
func grpcStatus(h *http2.Head) int {
	s, ok := h.Lookup("grpc-status")
	if !ok {
		return -1
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return -1
	}
	return int(n)
}

// grpcUnits are the units of grpc-timeout.
var grpcUnits = map[byte]time.Duration{
	'H': time.Hour, 'M': time.Minute, 'S': time.Second,
	'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
}

// maxGRPCTimeout is what longer ones are taken for: none lives to see it.
const maxGRPCTimeout = 365 * 24 * time.Hour

// parseGRPCTimeout reads up to eight digits and a unit.
func parseGRPCTimeout(s string) (time.Duration, bool) {
	if len(s) < 2 || len(s) > 9 {
		return 0, false
	}
	unit, known := grpcUnits[s[len(s)-1]]
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 32)
	if !known || err != nil {
		return 0, false
	}
	if time.Duration(n) > maxGRPCTimeout/unit {
		return maxGRPCTimeout, true
	}
	return time.Duration(n) * unit, true
}

// readGRPCTimeout makes the client's timeout the exchange's. One that cannot be read
// is left to the app.
func (x *exchange) readGRPCTimeout(s string) {
	if d, ok := parseGRPCTimeout(s); ok {
		x.limit(d)
	}
}

// limit bounds the exchange, unless it is bounded more narrowly.
func (x *exchange) limit(d time.Duration) {
	end := x.rec.Start.Add(d)
	if x.deadline.IsZero() || end.Before(x.deadline) {
		x.deadline = end
	}
}

// tellGRPCTimeout lets the next hop know how much time is left.
func (x *exchange) tellGRPCTimeout(h *http2.Head) {
	if !x.deadline.IsZero() {
		h.Set("grpc-timeout", formatGRPCTimeout(time.Until(x.deadline)))
	}
}

// formatGRPCTimeout writes a timeout in the finest unit that fits eight digits.
func formatGRPCTimeout(d time.Duration) string {
	const limit = 100_000_000
	d = max(d, 1)
	for _, unit := range []byte("num") {
		if n := int64(d / grpcUnits[unit]); n < limit {
			return strconv.FormatInt(max(n, 1), 10) + string(unit)
		}
	}
	return strconv.FormatInt(min(int64(d/time.Second), limit-1), 10) + "S"
}

// grpcMessage is a text as grpc-message wants it: what is not printable ASCII, and the
// percent sign, as %XX.
func grpcMessage(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c <= '~' && c != '%' {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	return b.String()
}
