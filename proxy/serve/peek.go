package serve

import (
	"bytes"
	"strings"

	"github.com/sightline-mesh/sightline/proxy/listen"
)

// maxPeeked bounds where the Host of a first request is looked for. One that comes
// later is the mesh's to refuse or not.
const maxPeeked = 8 << 10

// peekHost is the host that the first request of a connection names; empty if none is
// found. It only tells who serves the connection: whether the request is a proper one
// is for them to say.
func peekHost(c *listen.Conn) (string, error) {
	host := ""
	_, err := listen.Peek(c, maxPeeked, func(b []byte) bool {
		var done bool
		host, done = hostOf(b)
		return done
	})
	return host, err
}

// hostOf looks for the host in the beginning of a request, and tells whether more
// bytes could not change the answer.
func hostOf(b []byte) (host string, done bool) {
	for first := true; ; first = false {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		if !whole {
			return "", false
		}
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			return "", true
		}
		if first {
			if host = hostOfTarget(string(line)); host != "" {
				return host, true
			}
		} else if name, value, ok := bytes.Cut(line, []byte(":")); ok && strings.EqualFold(string(name), "host") {
			return string(bytes.Trim(value, " \t")), true
		}
		b = rest
	}
}

// hostOfTarget is the host of a target in absolute form, or of CONNECT.
func hostOfTarget(line string) string {
	method, rest, _ := strings.Cut(line, " ")
	target, _, _ := strings.Cut(rest, " ")
	if method == "CONNECT" {
		return target
	}
	_, after, ok := strings.Cut(target, "://")
	if !ok || strings.HasPrefix(target, "/") {
		return ""
	}
	host, _, _ := strings.Cut(after, "/")
	return host
}
