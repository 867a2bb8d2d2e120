package serve

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/sightline-mesh/sightline/proxy/route"
)

// The codes of gRPC whose answers may say how long to leave their sender alone.
const (
	grpcExhausted   = 8
	grpcUnavailable = 14
)

// mostAfter bounds what is believed of a Retry-After.
const mostAfter = 24 * time.Hour

// retryAfter reads the field of that name (RFC 9110, 10.2.3): seconds, or a date.
func retryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	if n, err := strconv.ParseUint(value, 10, 32); err == nil {
		return min(time.Duration(n)*time.Second, mostAfter)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), mostAfter)
}

// pushback reads gRPC's own field for it, in milliseconds. A negative one asks not to
// be sent the same again, which says nothing of a time.
func pushback(value string) time.Duration {
	n, err := strconv.ParseUint(value, 10, 32)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Millisecond, mostAfter)
}

// asks reports whether answers of a status may say how long to leave their sender alone.
func asks(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}

// sourceOf is the address of a client; the zero value is not known.
func sourceOf(c net.Conn) netip.Addr {
	if at, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return at.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// setCookie has the answer set a cookie, in place of one that an earlier try had set.
func (x *exchange) setCookie(value string) {
	out := x.out
	if out == nil {
		out = x.change()
	}
	kept := out.response
	if x.cookied {
		kept = kept[:len(kept)-1]
	}
	// The edits of a route are shared: append must not write behind them.
	out.response = append(slices.Clip(kept), route.Edit{Op: route.Add, Name: "set-cookie", Value: value})
	x.cookied = true
}
