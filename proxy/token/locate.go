package token

import (
	"net/url"
	"strings"
)

// bearer is how a token is usually sent; the scheme's case does not matter.
const bearer = "bearer "

// Request is where a token is looked for.
type Request struct {
	// Header finds a field by its lower-case name.
	Header func(name string) (string, bool)
	Target string // with the query
}

// find is the first token where the rule looks, empty for none.
func (r *rule) find(q *Request) string {
	for i := range r.headers {
		if t := r.headers[i].find(q); t != "" {
			return t
		}
	}
	if _, query, ok := strings.Cut(q.Target, "?"); ok {
		for _, name := range r.params {
			if t := param(query, name); t != "" {
				return t
			}
		}
	}
	if len(r.cookies) == 0 {
		return ""
	}
	jar, _ := q.Header("cookie")
	for _, name := range r.cookies {
		if t := cookie(jar, name); t != "" {
			return t
		}
	}
	return ""
}

// header is a field to look in.
type header struct {
	name, prefix string
	anyCase      bool // of the prefix, which is then in lower case
}

func (h *header) find(q *Request) string {
	v, ok := q.Header(h.name)
	if !ok || len(v) < len(h.prefix) {
		return ""
	}
	head := v[:len(h.prefix)]
	if head != h.prefix && (!h.anyCase || !strings.EqualFold(head, h.prefix)) {
		return ""
	}
	return strings.TrimSpace(v[len(h.prefix):])
}

// param is the value of the first parameter of that name.
func param(query, name string) string {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		key, value, _ := strings.Cut(pair, "=")
		if k, err := url.QueryUnescape(key); err == nil && k == name {
			v, err := url.QueryUnescape(value)
			if err != nil {
				return value // it is refused as it is
			}
			return v
		}
	}
	return ""
}

// WithoutParams is a target without the parameters that tokens are looked for in; it
// is the target itself when it has none of them.
func (v *Verifier) WithoutParams(target string) string {
	path, query, ok := strings.Cut(target, "?")
	if !ok || len(v.params) == 0 {
		return target
	}
	var kept []string
	dropped := false
	for pair := range strings.SplitSeq(query, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if k, err := url.QueryUnescape(key); err == nil && v.params[k] {
			dropped = true
			continue
		}
		kept = append(kept, pair)
	}
	switch {
	case !dropped:
		return target
	case len(kept) == 0:
		return path
	}
	return path + "?" + strings.Join(kept, "&")
}

// cookie is the value of the first cookie of that name. Several fields of cookies
// come joined with commas, which a cookie cannot hold.
func cookie(jar, name string) string {
	for jar != "" {
		pair := jar
		if n := strings.IndexAny(jar, ";,"); n >= 0 {
			pair, jar = jar[:n], jar[n+1:]
		} else {
			jar = ""
		}
		key, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if ok && key == name {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}
