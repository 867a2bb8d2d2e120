// Package redact keeps the values of secret query parameters out of what is told of a
// request: "/orders?access_token=eyJ…&page=2" is told as
// "/orders?access_token=REDACTED&page=2". It knows nothing of HTTP but how a query is
// written.
package redact

import (
	"bytes"
	"slices"
	"strings"
)

// Mask stands for a value that is not told: OpenTelemetry's word for it.
const Mask = "REDACTED"

// Defaults are names of parameters whose values are secrets wherever they are used:
// tokens, keys, passwords, and what signs a URL for whoever holds it.
func Defaults() []string {
	return []string{
		"access_token", "id_token", "refresh_token", "auth_token", "token", "jwt",
		"api_key", "api-key", "apikey", "private_key",
		"password", "passwd", "pwd", "passphrase", "secret", "client_secret", "client_assertion",
		"sig", "signature", "credential",
		"x-amz-signature", "x-amz-credential", "x-amz-security-token", "awsaccesskeyid", "x-goog-signature", "x-goog-credential",
	}
}

// Params are names of parameters whose values are not told. It is never changed. The
// zero value has none.
type Params struct {
	byLength [maxName + 1][]string
}

// maxName bounds a name.
const maxName = 64

// New makes Params of names, in any case. Names that are empty or longer than 64 bytes
// are no names: Valid tells.
func New(names []string) *Params {
	p := &Params{}
	for _, n := range names {
		if Valid(n) {
			p.byLength[len(n)] = append(p.byLength[len(n)], n)
		}
	}
	return p
}

// Valid reports whether a name can be one of Params.
func Valid(name string) bool {
	return name != "" && len(name) <= maxName && !strings.ContainsAny(name, "&=;?#% ")
}

// Append appends a request's target to dst, with Mask for the values that are secret.
func (p *Params) Append(dst, target []byte) []byte {
	at := bytes.IndexByte(target, '?')
	if at < 0 {
		return append(dst, target...)
	}
	dst = append(dst, target[:at+1]...)
	for rest := target[at+1:]; len(rest) > 0; {
		end := bytes.IndexAny(rest, "&;?") // some servers part parameters at a semicolon, and a second "?" is one's own
		one := rest
		if end >= 0 {
			one = rest[:end]
		}
		dst = p.param(dst, one)
		if end < 0 {
			break
		}
		dst = append(dst, rest[end])
		rest = rest[end+1:]
	}
	return dst
}

// Has reports whether a name, as it stands in a query, is of p.
func (p *Params) Has(name string) bool { return p.has([]byte(name)) }

var equals = []byte("=")

func (p *Params) param(dst, one []byte) []byte {
	name, value, ok := bytes.Cut(one, equals)
	if !ok || len(value) == 0 || !p.has(name) {
		return append(dst, one...)
	}
	return append(append(append(dst, name...), '='), Mask...)
}

func (p *Params) has(name []byte) bool {
	var buf [maxName]byte
	n := 0
	for i := 0; i < len(name); i++ {
		if n == len(buf) {
			return false
		}
		c := name[i]
		if c == '%' && i+2 < len(name) {
			if high, low := unhex(name[i+1]), unhex(name[i+2]); high >= 0 && low >= 0 {
				c = byte(high<<4 | low)
				i += 2
			}
		}
		buf[n] = c
		n++
	}
	plain := buf[:n]
	return slices.ContainsFunc(p.byLength[n], func(s string) bool { return equalFold(s, plain) })
}

// equalFold is for names of ASCII.
func equalFold(s string, b []byte) bool {
	for i := range b {
		if lower(s[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
