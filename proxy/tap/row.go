package tap

import (
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
			h.Value = textOf(t.secret.Text(value[:min(len(value), mesh.MaxTapPath)]))
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

// secretField reports whether the value of a field is not to be told, by its lower-case
// name.
func secretField(name string) bool {
	if name == ":authority" || name == "x-forwarded-authority" {
		return false
	}
	return secretFields[name] || redact.Looks(name)
}
