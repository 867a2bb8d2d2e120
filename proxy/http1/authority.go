package http1

import "strings"

// checkAuthority wants host or host:port (RFC 3986, 3.2.2 and 3.2.3). User information
// is refused, as is all else of which two readers may take different parts for the host.
func checkAuthority(a string) error {
	host, port := a, ""
	switch i := strings.LastIndexByte(a, ':'); {
	case strings.HasPrefix(a, "["):
		end := strings.IndexByte(a, ']')
		if end < 0 || !isAddress(a[1:end]) || (end+1 < len(a) && a[end+1] != ':') {
			return badHost(a)
		}
		if end+1 < len(a) {
			port = a[end+2:]
		}
		host = "" // looked at
	case i >= 0:
		host, port = a[:i], a[i+1:]
		if host == "" {
			return badHost(a)
		}
	case a == "":
		return badHost(a)
	}
	if !isName(host) || !isPort(port) {
		return badHost(a)
	}
	return nil
}

func badHost(a string) error {
	return badRequest("host %q is not a host name with or without a port", a[:min(len(a), 40)])
}

// isAddress reports whether all bytes may be of an address in brackets.
func isAddress(s string) bool {
	for _, c := range []byte(s) {
		if _, hex := hexDigit(c); !hex && c != ':' && c != '.' {
			return false
		}
	}
	return s != ""
}

// isName reports whether s may be a registered name.
func isName(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return false
			}
		case classes[c]&hostByte == 0:
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	_, ok := hexDigit(c)
	return ok
}

// isPort reports whether s is empty or the digits of a port.
func isPort(s string) bool {
	n, ok := parseDigits(s)
	return s == "" || ok && n <= 65535 && len(s) <= 5
}
