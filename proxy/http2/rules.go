package http2

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// pseudo is a set of pseudo-header fields.
type pseudo uint8

const (
	sawMethod pseudo = 1 << iota
	sawScheme
	sawPath
	sawAuthority
	sawProtocol
	sawStatus
)

// once notes a pseudo-header field and refuses a second one of its name.
func (b *block) once(p pseudo, name string) error {
	if b.seen&p != 0 {
		return fmt.Errorf("more than one %s", name)
	}
	b.seen |= p
	return nil
}

// pseudo takes a pseudo-header field, by RFC 9113, 8.3.
func (b *block) pseudo(f Field) error {
	if b.regular {
		return fmt.Errorf("%s after other fields", clip(f.Name))
	}
	h := &b.head
	switch {
	case b.kind == responseHead && f.Name == ":status":
		h.Status = statusOf(f.Value)
		if h.Status == 0 {
			return fmt.Errorf(":status %q is not a status code", clip(f.Value))
		}
		return b.once(sawStatus, f.Name)
	case b.kind != requestHead:
		return fmt.Errorf("pseudo-header field %q does not belong here", clip(f.Name))
	}
	switch f.Name {
	case ":method":
		h.Method = f.Value
		return b.once(sawMethod, f.Name)
	case ":scheme":
		h.Scheme = f.Value
		return b.once(sawScheme, f.Name)
	case ":path":
		h.Path = f.Value
		return b.once(sawPath, f.Name)
	case ":authority":
		h.Authority = f.Value
		return b.once(sawAuthority, f.Name)
	case ":protocol":
		h.Protocol = f.Value
		return b.once(sawProtocol, f.Name)
	}
	return fmt.Errorf("unknown pseudo-header field %q", clip(f.Name))
}

// statusOf reads three digits; 0 is none. 101 does not exist in HTTP/2.
func statusOf(s string) int {
	if len(s) != 3 || s[0] < '1' || s[0] > '5' || !digit(s[1]) || !digit(s[2]) || s == "101" {
		return 0
	}
	return int(s[0]-'0')*100 + int(s[1]-'0')*10 + int(s[2]-'0')
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

var errBadLength = errors.New("content-length is not one number")

// check looks at one field by itself.
func (b *block) check(f Field) error {
	if !allOf(f.Name, nameByte) || f.Name == "" {
		return fmt.Errorf("field name %q is not in lower case or no name", clip(f.Name))
	}
	if v := f.Value; v != "" && (!allOf(v, valueByte) || blank(v[0]) || blank(v[len(v)-1])) {
		return fmt.Errorf("field %s has a control byte in its value or blanks around it", clip(f.Name))
	}
	return b.checkKnown(f)
}

// checkKnown looks at the fields that mean something to every hop.
func (b *block) checkKnown(f Field) error {
	switch f.Name {
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
		return fmt.Errorf("field %s is of a connection of HTTP/1.1", f.Name)
	case "te":
		if !strings.EqualFold(f.Value, "trailers") {
			return errors.New("te is not just trailers")
		}
	case "content-length":
		if b.kind == trailers {
			return errors.New("content-length in trailers")
		}
		n, ok := parseLength(f.Value)
		if !ok || b.head.Length >= 0 {
			return errBadLength
		}
		b.head.Length = n
	}
	return nil
}

func blank(c byte) bool { return c == ' ' || c == '\t' }

// parseLength reads plain decimal digits up to 2^62.
func parseLength(s string) (int64, bool) {
	if len(s) == 0 || len(s) > 19 {
		return 0, false
	}
	var n uint64
	for i := range len(s) {
		if !digit(s[i]) {
			return 0, false
		}
		n = n*10 + uint64(s[i]-'0')
	}
	return int64(n), n < 1<<62
}

// complete checks what a head must have as a whole.
func (b *block) complete() error {
	switch b.kind {
	case responseHead:
		if b.seen&sawStatus == 0 {
			return errors.New("no :status")
		}
	case requestHead:
		return b.completeRequest()
	}
	return nil
}

func (b *block) completeRequest() error {
	h := &b.head
	if err := b.completeAuthority(); err != nil {
		return err
	}
	if h.Method == "" || !allOf(h.Method, tokenByte) {
		return errors.New("no proper :method")
	}
	if h.Method == http.MethodConnect && h.Protocol == "" {
		if b.seen&(sawScheme|sawPath) != 0 || h.Authority == "" {
			return errors.New("CONNECT takes :authority alone")
		}
		return nil
	}
	return b.completeTarget()
}

// completeAuthority lets a host field stand in for :authority.
func (b *block) completeAuthority() error {
	h := &b.head
	if host, ok := h.Lookup("host"); ok {
		if b.seen&sawAuthority != 0 && !strings.EqualFold(host, h.Authority) {
			return errors.New("host differs from :authority")
		}
		n := len(h.Fields)
		if h.Drop("host"); len(h.Fields) != n-1 {
			return errors.New("more than one host")
		}
		h.Authority = host
	}
	if !allOf(h.Authority, authorityByte) {
		return fmt.Errorf("authority %q is not a host name", clip(h.Authority))
	}
	return nil
}

func (b *block) completeTarget() error {
	h := &b.head
	switch {
	case b.seen&sawProtocol != 0 && (h.Method != http.MethodConnect || h.Protocol == ""):
		return errors.New(":protocol without CONNECT")
	case h.Scheme != "http" && h.Scheme != "https":
		return fmt.Errorf(":scheme %q is neither http nor https", clip(h.Scheme))
	case h.Path == "*" && h.Method == http.MethodOptions:
		return nil
	case h.Path == "" || h.Path[0] != '/' || !allOf(h.Path, targetByte):
		return fmt.Errorf(":path %q is not a path", clip(h.Path))
	}
	return nil
}

// clip bounds what an error quotes of a message.
func clip(s string) string { return s[:min(len(s), 40)] }

// What a byte may be part of.
const (
	nameByte      = 1 << iota // a field name in lower case
	tokenByte                 // a method
	valueByte                 // a field value
	targetByte                // a path and query
	authorityByte             // a host and port, without user information
)

// classes says for each byte what it may be part of.
var classes = func() (t [256]uint8) {
	for c := 0x21; c <= 0xff; c++ {
		if c != 0x7f {
			t[c] = valueByte | targetByte
		}
	}
	t[' '], t['\t'] = valueByte, valueByte
	for c := '0'; c <= '9'; c++ {
		t[c] |= nameByte | tokenByte | authorityByte
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c] |= nameByte | tokenByte | authorityByte
		t[c-0x20] |= tokenByte | authorityByte
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] |= nameByte | tokenByte
	}
	for _, c := range "-._~:[]%!$&'()*+;=" {
		t[c] |= authorityByte
	}
	return t
}()

// allOf reports whether every byte of s is of the class.
func allOf(s string, class uint8) bool {
	for i := range len(s) {
		if classes[s[i]]&class == 0 {
			return false
		}
	}
	return true
}
