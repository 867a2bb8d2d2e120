// Package redact keeps the values of secret query parameters out of what is told of a
// request: "/orders?access_token=eyJ…&page=2" is told as
// "/orders?access_token=REDACTED&page=2". It knows nothing of HTTP but how a query is
// written, and of names what makes them look like a secret's.
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

// Params are names of parameters whose values are not told, beside all that Looks like
// a secret. It is never changed. The zero value, and one of no names, tells everything.
type Params struct {
	byLength [maxName + 1][]string
	some     bool
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
			p.some = true
		}
	}
	return p
}

// Valid reports whether a name can be one of Params.
func Valid(name string) bool {
	return name != "" && len(name) <= maxName && !strings.ContainsAny(name, "&=;?#% ")
}

// parting is what parameters stand between: a second URL within the first begins its own
// query, some servers part parameters at a semicolon, and a fragment may have them, too.
const parting = "&;?#"

// Begins reports whether there is a query or a fragment in a target: one without is told
// as it is.
func Begins[T string | []byte](target T) bool { return begin(target) >= 0 }

func begin[T string | []byte](target T) int {
	for i := range len(target) {
		if target[i] == '?' || target[i] == '#' {
			return i
		}
	}
	return -1
}

// Append appends a request's target, or another text with URLs in it, to dst, with Mask
// for the values that are secret. What follows a secret up to the next "&", and has no
// name, may be more of it and is left out.
func (p *Params) Append(dst, target []byte) []byte {
	at := begin(target)
	if at < 0 || !p.some {
		return append(dst, target...)
	}
	dst = append(dst, target[:at]...)
	masked := false
	for rest := target[at:]; len(rest) > 0; {
		one := rest[1:]
		if end := bytes.IndexAny(one, parting); end >= 0 {
			one = one[:end]
		}
		dst = append(dst, rest[0])
		name, _, valued := bytes.Cut(one, equals)
		masked = masked && !valued && rest[0] != '&'
		switch {
		case valued && p.has(name):
			masked = true
			dst = append(append(append(dst, name...), '='), Mask...)
		case !masked:
			dst = append(dst, one...)
		}
		rest = rest[1+len(one):]
	}
	return dst
}

// Text is a copy of a text as Append tells it, or the text itself.
func (p *Params) Text(text string) string {
	if !Begins(text) {
		return text
	}
	return string(p.Append(make([]byte, 0, len(text)+len(Mask)), []byte(text)))
}

var equals = []byte("=")

// has reports whether a name, as it stands in a query, is of p or looks like a secret's. One
// that cannot be read is taken for such: it is too long, or is still encoded when it has
// been decoded.
func (p *Params) has(name []byte) bool {
	var buf [maxName]byte
	n := 0
	for i := 0; i < len(name); i++ {
		if n == len(buf) {
			return true
		}
		c := name[i]
		if c == '%' && i+2 < len(name) {
			if high, low := unhex(name[i+1]), unhex(name[i+2]); high >= 0 && low >= 0 {
				c = byte(high<<4 | low)
				i += 2
			}
		}
		if c == '%' {
			return true
		}
		buf[n] = lower(c)
		n++
	}
	plain := buf[:n]
	return looks(plain) || string(plain) == "key" || string(plain) == "code" ||
		slices.ContainsFunc(p.byLength[n], func(s string) bool { return equalFold(s, plain) })
}

// secretWords make any name that has one of them secret, by their first byte;
// secretEndings any that ends so.
var (
	secretWords = byFirst(
		"token", "secret", "password", "passwd", "api-key", "apikey", "api_key", "access-key", "private-key", "auth",
		"session", "signature", "credential", "jwt", "csrf", "xsrf", "dpop",
	)
	secretEndings = []string{"-key", "_key"}
)

func byFirst(words ...string) (by [256][]string) {
	for _, w := range words {
		by[w[0]] = append(by[w[0]], w)
	}
	return by
}

// Looks reports whether what has a name, in any case, is a secret by the look of it.
func Looks(name string) bool { return looks([]byte(strings.ToLower(name))) }

// looks is Looks for a name of lower case.
func looks(name []byte) bool {
	for i, c := range name {
		for _, w := range secretWords[c] {
			if len(name)-i >= len(w) && string(name[i:i+len(w)]) == w {
				return true
			}
		}
	}
	return slices.ContainsFunc(secretEndings, func(e string) bool {
		return len(name) >= len(e) && string(name[len(name)-len(e):]) == e
	})
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
