package tap

import (
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/redact"
)

// How much is told of one request; what is longer is cut.
const (
	maxText    = 256
	maxPath    = 1024
	maxFields  = 64
	maxHeaders = 8 << 10 // bytes of names and values of one message
	rowSize    = 256     // bytes of a row beside its texts
)

// rowOf is a copy of a record but for its path; it shares no memory with it.
func rowOf(r *emit.Record) mesh.Tapped {
	row := mesh.Tapped{
		Time: r.Start, Direction: direction(r), MTLS: r.MTLS,
		Peer: clip(r.Peer.Service), PeerVersion: clip(r.Peer.Version),
		PeerInstance: clip(r.Peer.Instance), PeerIdentity: clip(r.Peer.Identity),
		Method: clip(r.Method), Authority: clip(r.Authority),
		Protocol: clip(r.Protocol), Route: clip(r.Route), Status: r.Status, GRPCStatus: r.GRPCStatus,
		Failed: failed(r),
		Flags:  clip(r.Flags), Reason: clip(r.Reason), RequestID: clip(r.RequestID),
		Tries: len(r.Tries), Took: r.Took, FirstByte: r.FirstByte, BytesIn: r.BytesIn, BytesOut: r.BytesOut,
	}
	if !r.Trace.IsZero() {
		row.TraceID = r.Trace.ID.String()
	}
	return row
}

func clip(s string) string { return strings.Clone(s[:min(len(s), maxText)]) }

// sizeOf is about how many bytes a row takes.
func sizeOf(row *mesh.Tapped) int {
	n := rowSize + len(row.Path) + len(row.Authority) + len(row.Reason) + len(row.PeerIdentity)
	for _, list := range [][]mesh.Header{row.Request, row.Response} {
		for _, h := range list {
			n += len(h.Name) + len(h.Value) + 32
		}
	}
	return n
}

// Keep copies header fields, without the values of those that may be secret. What is
// beyond 64 fields or 8 KiB is left out.
func Keep(fields Fields) []mesh.Header {
	if fields == nil {
		return nil
	}
	out, left := []mesh.Header{}, maxHeaders
	fields(func(name, value string) bool {
		h := mesh.Header{Name: strings.ToLower(clip(name)), Value: mesh.Redacted}
		if !secretField(h.Name) {
			h.Value = strings.Clone(value[:min(len(value), maxPath)])
		}
		if left -= len(h.Name) + len(h.Value); left < 0 {
			return false
		}
		out = append(out, h)
		return len(out) < maxFields
	})
	return out
}

// secretFields carry who somebody is, or what proves it.
var secretFields = map[string]bool{
	"authorization": true, "proxy-authorization": true, "www-authenticate": true, "proxy-authenticate": true,
	"authentication-info": true, "proxy-authentication-info": true,
	"cookie": true, "cookie2": true, "set-cookie": true, "set-cookie2": true,
	"x-forwarded-client-cert": true, "x-amz-security-token": true, "x-goog-iap-jwt-assertion": true,
}

// secretWords make any name that has one of them secret.
var secretWords = []string{
	"token", "secret", "password", "passwd", "api-key", "apikey", "api_key", "access-key", "private-key", "auth",
	"session", "signature", "credential", "jwt", "csrf", "xsrf",
}

// secretField reports whether the value of a field is not to be told, by its lower-case
// name.
func secretField(name string) bool { return secretFields[name] || hasSecretWord(name) }

func hasSecretWord(name string) bool {
	if name == ":authority" || name == "x-forwarded-authority" {
		return false
	}
	for _, w := range secretWords {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}

// redactedPath is a request target without the values of parameters that are secret, or
// whose names look so: people look at these.
func redactedPath(secret *redact.Params, target string) string {
	target = string(secret.Append(nil, []byte(target[:min(len(target), maxPath)])))
	path, query, ok := strings.Cut(target, "?")
	if !ok {
		return target
	}
	parts := strings.Split(query, "&")
	for i, part := range parts {
		name, _, valued := strings.Cut(part, "=")
		if n := strings.ToLower(name); valued && (hasSecretWord(n) || n == "key" || n == "code" || strings.Contains(n, "%")) {
			parts[i] = name + "=" + mesh.Redacted
		}
	}
	return path + "?" + strings.Join(parts, "&")
}
