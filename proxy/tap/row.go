package tap

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/redact"
)

// rowSize is how many bytes a row takes beside its texts.
const rowSize = 256

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

func clip(s string) string { return textOf(s[:min(len(s), mesh.MaxTapText)]) }

// textOf is a copy that a message may hold: what is no UTF-8 would keep it, and all rows
// beside it, from being sent.
func textOf(s string) string {
	if utf8.ValidString(s) {
		return strings.Clone(s)
	}
	return strings.ToValidUTF8(s, "?")
}

// sizeOf is at least how many bytes a row takes as a message.
func sizeOf(row *mesh.Tapped) int {
	n := rowSize
	for _, text := range []string{
		row.Direction, row.Peer, row.PeerVersion, row.PeerInstance, row.PeerIdentity, row.Method, row.Path, row.Authority, row.Protocol,
		row.Route, row.Flags, row.Reason, row.RequestID, row.TraceID,
	} {
		n += len(text)
	}
	for _, id := range row.Taps {
		n += len(id) + 4
	}
	for _, list := range [][]mesh.Header{row.Request, row.Response} {
		for _, h := range list {
			n += len(h.Name) + len(h.Value) + 32
		}
	}
	return n
}

// Keep copies header fields, without the values of those that may be secret, nor of
// secret parameters of the URLs in others. What is beyond 64 fields or 8 KiB is left out.
func (t *Tap) Keep(fields Fields) []mesh.Header {
	if fields == nil {
		return nil
	}
	out, left := []mesh.Header{}, mesh.MaxTapHeaders
	fields(func(name, value string) bool {
		h := mesh.Header{Name: strings.ToLower(clip(name)), Value: mesh.Redacted}
		if !secretField(h.Name) {
			h.Value = textOf(redacted(t.secret, value[:min(len(value), mesh.MaxTapPath)]))
		}
		if left -= len(h.Name) + len(h.Value); left < 0 {
			return false
		}
		out = append(out, h)
		return len(out) < mesh.MaxTapFields
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

// secretWords make any name that has one of them secret, secretEndings any that ends so.
var (
	secretWords = []string{
		"token", "secret", "password", "passwd", "api-key", "apikey", "api_key", "access-key", "private-key", "auth",
		"session", "signature", "credential", "jwt", "csrf", "xsrf", "dpop",
	}
	secretEndings = []string{"-key", "_key"}
)

// secretField reports whether the value of a field is not to be told, by its lower-case
// name.
func secretField(name string) bool { return secretFields[name] || looksSecret(name) }

func looksSecret(name string) bool {
	if name == ":authority" || name == "x-forwarded-authority" {
		return false
	}
	return slices.ContainsFunc(secretWords, func(w string) bool { return strings.Contains(name, w) }) ||
		slices.ContainsFunc(secretEndings, func(e string) bool { return strings.HasSuffix(name, e) })
}

// parting is what parameters stand between; a second URL within the first begins its own.
const parting = "&;?#"

// redacted is text, such as a URL or a list of them, without the values of parameters in
// a query or fragment that are secret, or whose names look so: people look at these.
func redacted(secret *redact.Params, text string) string {
	at := strings.IndexAny(text, "?#")
	if at < 0 {
		return text
	}
	var out strings.Builder
	out.WriteString(text[:at])
	masked := false
	for rest := text[at:]; rest != ""; {
		part, after := rest[1:], ""
		if end := strings.IndexAny(part, parting); end >= 0 {
			part, after = part[:end], part[end:]
		}
		name, _, valued := strings.Cut(part, "=")
		masked = masked && !valued && rest[0] != '&' // what may still be of the value before it
		if valued && secretParam(secret, name) {
			masked, part = true, name+"="+mesh.Redacted
		} else if masked {
			part = ""
		}
		out.WriteByte(rest[0])
		out.WriteString(part)
		rest = after
	}
	return out.String()
}

// secretParam reports whether the value of a parameter is not to be told, by its name as
// it stands in a query.
func secretParam(secret *redact.Params, name string) bool {
	if secret.Has(name) {
		return true
	}
	n := strings.ToLower(name)
	return looksSecret(n) || n == "key" || n == "code" || strings.Contains(n, "%")
}
