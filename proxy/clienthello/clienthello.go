// Package clienthello reads the first message of TLS without taking part in it: which
// server a client wants and what it would speak there. It looks at bytes that were
// peeked, copies no more than it returns, and believes no length that it has not
// checked.
package clienthello

import (
	"errors"
	"fmt"
	"slices"
)

// Max is how many bytes a ClientHello is looked for in. RFC 8446 would allow more; no
// client that is known sends a quarter of it.
const Max = 16 << 10

var (
	// ErrIncomplete says that the bytes are the beginning of a ClientHello.
	ErrIncomplete = errors.New("the ClientHello is not complete")
	// ErrNotTLS says that the bytes do not begin a TLS connection.
	ErrNotTLS = errors.New("not a ClientHello")
)

// Hello is what a client says before anything is encrypted.
type Hello struct {
	ServerName string // SNI, in lower case; empty if there is none
	ALPN       []string
	OnlyTLS13  bool // no other version of TLS is offered
}

// The numbers of RFC 8446 and RFC 6066 that matter here.
const (
	recordHandshake    = 22
	recordHeader       = 5
	maxRecord          = 16 << 10
	messageClientHello = 1
	messageHeader      = 4
	extServerName      = 0
	extALPN            = 16
	extVersions        = 43
	versionTLS13       = 0x0304
	nameTypeHost       = 0
	maxALPN            = 32 // names that are kept
)

// Parse reads a ClientHello from the beginning of b. The error wraps ErrIncomplete if
// more bytes may complete it, else ErrNotTLS.
func Parse(b []byte) (Hello, error) {
	message, err := join(b)
	if err != nil {
		return Hello{}, err
	}
	r := reader{b: message}
	r.skip(2 + 32)         // version, random
	r.skip(int(r.u8()))    // session
	r.skip(int(r.u16()))   // cipher suites
	r.skip(int(r.u8()))    // compression methods
	if !r.bad && r.end() { // TLS 1.0 may have no extensions
		return Hello{}, nil
	}
	extensions := r.sub(int(r.u16()))
	if r.bad || !r.end() {
		return Hello{}, malformed("its parts do not fit its length")
	}
	return parseExtensions(&extensions)
}

// join puts the message together that the records carry. While part of it is missing
// it is only checked as far as it goes.
func join(b []byte) ([]byte, error) {
	var message []byte
	for {
		fragment, rest, err := record(b)
		if err != nil {
			return nil, err
		}
		if message == nil { // most have only one record: no copy
			message = slices.Clip(fragment)
		} else {
			message = append(message, fragment...)
		}
		if len(message) >= 1 && message[0] != messageClientHello {
			return nil, malformed("its first message is of type %d", message[0])
		}
		if len(message) >= messageHeader {
			size := int(message[1])<<16 | int(message[2])<<8 | int(message[3])
			if size > Max {
				return nil, malformed("it says it has %d bytes", size)
			}
			if len(message) >= messageHeader+size {
				return message[messageHeader : messageHeader+size], nil
			}
		}
		b = rest
	}
}

// record is the content of the record that b begins with, and what follows.
func record(b []byte) (content, rest []byte, err error) {
	if len(b) > 0 && b[0] != recordHandshake {
		return nil, nil, malformed("its record is of type %d", b[0])
	}
	if len(b) > 1 && b[1] != 3 {
		return nil, nil, malformed("its record is of version %d", b[1])
	}
	if len(b) < recordHeader {
		return nil, nil, ErrIncomplete
	}
	n := int(b[3])<<8 | int(b[4])
	if n == 0 || n > maxRecord {
		return nil, nil, malformed("its record says it has %d bytes", n)
	}
	if len(b) < recordHeader+n {
		if len(b) > recordHeader && b[recordHeader] != messageClientHello {
			return nil, nil, malformed("its first message is of type %d", b[recordHeader])
		}
		return nil, nil, ErrIncomplete
	}
	return b[recordHeader : recordHeader+n], b[recordHeader+n:], nil
}

func parseExtensions(r *reader) (Hello, error) {
	var h Hello
	for !r.bad && !r.end() {
		kind := r.u16()
		body := r.sub(int(r.u16()))
		switch kind {
		case extServerName:
			h.ServerName = serverName(&body)
		case extALPN:
			h.ALPN = alpn(&body)
		case extVersions:
			h.OnlyTLS13 = onlyTLS13(&body)
		}
		r.bad = r.bad || body.bad
	}
	if r.bad {
		return Hello{}, malformed("its extensions do not fit their lengths")
	}
	return h, nil
}

// serverName is the first host name of the list.
func serverName(r *reader) string {
	list := r.sub(int(r.u16()))
	for !list.bad && !list.end() {
		kind := list.u8()
		name := list.take(int(list.u16()))
		if kind == nameTypeHost && !list.bad {
			return lower(name)
		}
	}
	r.bad = r.bad || list.bad
	return ""
}

func alpn(r *reader) []string {
	list := r.sub(int(r.u16()))
	var out []string
	for !list.bad && !list.end() && len(out) < maxALPN {
		if name := list.take(int(list.u8())); !list.bad {
			out = append(out, string(name))
		}
	}
	r.bad = r.bad || list.bad
	return out
}

func onlyTLS13(r *reader) bool {
	list := r.sub(int(r.u8()))
	only := !list.end()
	for !list.bad && !list.end() {
		only = list.u16() == versionTLS13 && only
	}
	r.bad = r.bad || list.bad
	return only && !r.bad
}

// lower is a host name as it is compared.
func lower(name []byte) string {
	b := make([]byte, len(name))
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		b[i] = c
	}
	return string(b)
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrNotTLS}, args...)...)
}

// reader takes a message apart. What would read over its end sets bad and is zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) end() bool { return len(r.b) == 0 }

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) skip(n int) { r.take(n) }

func (r *reader) sub(n int) reader {
	b := r.take(n)
	return reader{b: b, bad: r.bad}
}

func (r *reader) u8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if b := r.take(2); b != nil {
		return uint16(b[0])<<8 | uint16(b[1])
	}
	return 0
}
