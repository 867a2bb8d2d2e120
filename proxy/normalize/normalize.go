// Package normalize brings the path of a request into one form, so that whoever looks
// at it, an authorization or an app, sees the same: "/a/../admin" is "/admin".
package normalize

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
)

// Mode is how much is done to a path. The modes are Istio's.
type Mode uint8

// The modes. Each does what those before it do. The zero value is Base.
const (
	// Base resolves dot segments, decodes what never needs an escape (letters, digits,
	// "-._~") and makes backslashes slashes.
	Base Mode = iota
	// MergeSlashes makes one slash of several.
	MergeSlashes
	// DecodeAndMergeSlashes decodes escaped slashes and backslashes first.
	DecodeAndMergeSlashes
	// None only takes the fragment off.
	None
)

var names = map[string]Mode{
	"": Base, "BASE": Base, "DEFAULT": Base, "MERGE_SLASHES": MergeSlashes,
	"DECODE_AND_MERGE_SLASHES": DecodeAndMergeSlashes, "NONE": None,
}

// Parse is the mode of a name. An empty one is Base.
func Parse(name string) (Mode, error) {
	m, ok := names[name]
	if !ok {
		return Base, fmt.Errorf("%q is not a path normalization; want NONE, BASE, MERGE_SLASHES or DECODE_AND_MERGE_SLASHES", name)
	}
	return m, nil
}

func (m Mode) String() string {
	for name, mode := range names {
		if mode == m && name != "" && name != "DEFAULT" {
			return name
		}
	}
	return "BASE"
}

// Setting is a Mode that may change while others read it. The zero value is Base.
type Setting struct{ mode atomic.Uint32 }

// Set changes it.
func (s *Setting) Set(m Mode) { s.mode.Store(uint32(m)) }

// Mode is the one of the moment.
func (s *Setting) Mode() Mode { return Mode(s.mode.Load()) }

// ErrNUL is a path with an escaped NUL, which some readers take for its end.
var ErrNUL = errors.New("path has an escaped NUL")

// Path brings the path of a request target into its form. The query stays as it is, a
// fragment goes. A target that does not begin with a slash stays. It allocates only
// where something changes, and what it returns is the same when it is given that.
func Path(m Mode, target string) (string, error) {
	if i := strings.IndexByte(target, '#'); i >= 0 {
		target = target[:i]
	}
	if m == None || target == "" || target[0] != '/' || usual(target) {
		return target, nil
	}
	path, query := target, ""
	if i := strings.IndexByte(target, '?'); i >= 0 {
		path, query = target[:i], target[i:]
	}
	out, err := decode(make([]byte, 0, len(target)), path, m == DecodeAndMergeSlashes)
	if err != nil {
		return "", err
	}
	out = resolve(out)
	if m != Base {
		out = merge(out)
	}
	return string(append(out, query...)), nil
}

// usual reports whether no mode changes the path.
func usual(target string) bool {
	last := byte(0)
	for i := range len(target) {
		c := target[i]
		switch {
		case c == '?':
			return true
		case c == '%', c == '\\', last == '/' && (c == '.' || c == '/'):
			return false
		}
		last = c
	}
	return true
}

// decode appends the path with escapes taken out that are not needed. It never makes
// an escape of what was none: "%%32e" stays, or the next reader would see "%2e".
func decode(out []byte, path string, slashes bool) ([]byte, error) {
	bare := -3 // where the last percent sign is that begins no escape
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '\\' {
			c = '/'
		}
		if c != '%' {
			out = append(out, c)
			continue
		}
		v, ok := escaped(path[i:])
		switch {
		case !ok:
			bare = len(out)
			out = append(out, '%')
			continue
		case v == 0:
			return nil, ErrNUL
		case slashes && (v == '/' || v == '\\'):
			out = append(out, '/')
		case unreserved(v) && len(out)-bare > 2:
			out = append(out, v)
		default:
			out = append(out, path[i:i+3]...)
		}
		i += 2
	}
	return out, nil
}

// escaped is the byte that an escape at the beginning of s stands for.
func escaped(s string) (v byte, ok bool) {
	if len(s) < 3 {
		return 0, false
	}
	high, ok1 := hex(s[1])
	low, ok2 := hex(s[2])
	return high<<4 | low, ok1 && ok2
}

func hex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

func unreserved(c byte) bool {
	letter := c|0x20 >= 'a' && c|0x20 <= 'z'
	return letter || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// resolve takes dot segments out, in place (RFC 3986, 5.2.4). Empty segments are
// segments.
func resolve(path []byte) []byte {
	out := path[:0]
	for i := 0; i < len(path); {
		end := i + 1
		for end < len(path) && path[end] != '/' {
			end++
		}
		segment := path[i:end] // with its slash
		last := end == len(path)
		switch string(segment) {
		case "/.":
			if last {
				out = append(out, '/')
			}
		case "/..":
			for len(out) > 0 {
				out = out[:len(out)-1]
				if path[len(out)] == '/' {
					break
				}
			}
			if last {
				out = append(out, '/')
			}
		default:
			out = append(out, segment...)
		}
		i = end
	}
	if len(out) == 0 {
		out = append(out, '/')
	}
	return out
}

func merge(path []byte) []byte {
	out := path[:1]
	for _, c := range path[1:] {
		if c != '/' || out[len(out)-1] != '/' {
			out = append(out, c)
		}
	}
	return out
}
