// Package accesslog decides which requests get a row in the access log, by tests that
// are compiled once. A test that asks for what a request does not have is neither true
// nor false, and so is its opposite; such a request gets no row, as in Envoy.
package accesslog

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Request is what tests look at, once it has ended.
type Request struct {
	Method, Path, Host, UserAgent, ID string // empty is not there
	Protocol                          string // "HTTP/1.1"; empty for a stream of bytes
	Size, ResponseSize                uint64
	Code                              int // 0 is not there
	GRPCStatus                        int // -1 is not there
	Took                              time.Duration
	MTLS                              bool
	Failed                            bool
	// Header finds a field by its lower-case name; nil finds none.
	Header func(name string) (string, bool)
}

// Rule is a compiled mesh.AccessLog. Nil writes every row.
type Rule struct {
	off, dropErrors bool
	only            test // nil is all
}

// Compile proves what is said and makes it quick to follow.
func Compile(a *mesh.AccessLog) (*Rule, error) {
	if a == nil || !a.Off && a.Only == nil {
		return nil, nil //nolint:nilnil // nil is the rule that writes everything
	}
	out := &Rule{off: a.Off, dropErrors: a.DropErrors}
	if a.Only != nil {
		var err error
		if out.only, err = compile(a.Only, 0); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Writes reports whether a request gets a row.
func (r *Rule) Writes(q *Request) bool {
	switch {
	case r == nil, q.Failed && !r.dropErrors:
		return true
	case r.off:
		return false
	}
	return r.only == nil || r.only(q) == yes
}

// answer is what a test says of a request.
type answer uint8

const (
	unknown answer = iota
	no
	yes
)

func answerOf(is bool) answer { //nolint:revive // it is what a test found
	if is {
		return yes
	}
	return no
}

type test func(q *Request) answer

const deepest = 64 // of tests in each other; the control plane sends fewer

func compile(t *mesh.LogTest, depth int) (test, error) {
	if depth > deepest {
		return nil, fmt.Errorf("tests are more than %d deep in each other", deepest)
	}
	switch t.Op {
	case mesh.LogAnd, mesh.LogOr, mesh.LogNot:
		return join(t, depth)
	case mesh.LogHas, mesh.LogTrue, mesh.LogEqual, mesh.LogLess, mesh.LogAtMost, mesh.LogMore, mesh.LogAtLeast,
		mesh.LogIn, mesh.LogPrefix, mesh.LogSuffix, mesh.LogContains, mesh.LogMatches:
	}
	if text := textOf(t.Attribute); text != nil {
		return onText(t, text)
	}
	if number := numberOf(t.Attribute); number != nil {
		return onNumber(t, number)
	}
	if t.Attribute == "connection.mtls" && t.Op == mesh.LogTrue {
		return func(q *Request) answer { return answerOf(q.MTLS) }, nil
	}
	if t.Attribute == "connection.mtls" && t.Op == mesh.LogHas {
		return func(*Request) answer { return yes }, nil
	}
	return nil, fmt.Errorf("%q of %q is not known", t.Op, t.Attribute)
}

func join(t *mesh.LogTest, depth int) (test, error) {
	of := make([]test, 0, len(t.Of))
	for i := range t.Of {
		one, err := compile(&t.Of[i], depth+1)
		if err != nil {
			return nil, err
		}
		of = append(of, one)
	}
	switch {
	case t.Op == mesh.LogNot && len(of) == 1:
		return func(q *Request) answer {
			switch of[0](q) {
			case yes:
				return no
			case no:
				return yes
			case unknown:
			}
			return unknown
		}, nil
	case t.Op == mesh.LogNot || len(of) == 0:
		return nil, fmt.Errorf("%q of %d tests", t.Op, len(of))
	case t.Op == mesh.LogAnd:
		return decided(of, no, yes), nil
	}
	return decided(of, yes, no), nil
}

// decided is a test that one answer settles; without it, all have to be the other one.
func decided(of []test, settles, other answer) test {
	return func(q *Request) answer {
		out := other
		for _, f := range of {
			switch f(q) {
			case settles:
				return settles
			case unknown:
				out = unknown
			case other:
			}
		}
		return out
	}
}

func textOf(attribute string) func(q *Request) (string, bool) {
	there := func(s string) (string, bool) { return s, s != "" }
	switch attribute {
	case "request.method":
		return func(q *Request) (string, bool) { return there(q.Method) }
	case "request.path":
		return func(q *Request) (string, bool) { return there(q.Path) }
	case "request.url_path":
		return func(q *Request) (string, bool) {
			path, _, _ := strings.Cut(q.Path, "?")
			return there(path)
		}
	case "request.host":
		return func(q *Request) (string, bool) { return there(q.Host) }
	case "request.useragent":
		return func(q *Request) (string, bool) { return there(q.UserAgent) }
	case "request.id":
		return func(q *Request) (string, bool) { return there(q.ID) }
	case "request.protocol":
		return func(q *Request) (string, bool) { return there(q.Protocol) }
	}
	name, ok := strings.CutPrefix(attribute, "request.headers[")
	name, closed := strings.CutSuffix(name, "]")
	if !ok || !closed || name == "" {
		return nil
	}
	return func(q *Request) (string, bool) {
		if q.Header == nil {
			return "", false
		}
		return q.Header(name)
	}
}

func onText(t *mesh.LogTest, of func(q *Request) (string, bool)) (test, error) {
	if t.Op == mesh.LogHas {
		return func(q *Request) answer { _, there := of(q); return answerOf(there) }, nil
	}
	fits, err := textTest(t)
	if err != nil {
		return nil, err
	}
	return func(q *Request) answer {
		s, there := of(q)
		if !there {
			return unknown
		}
		return answerOf(fits(s))
	}, nil
}

func textTest(t *mesh.LogTest) (func(s string) bool, error) {
	want := t.Text
	switch t.Op {
	case mesh.LogEqual:
		return func(s string) bool { return s == want }, nil
	case mesh.LogPrefix:
		return func(s string) bool { return strings.HasPrefix(s, want) }, nil
	case mesh.LogSuffix:
		return func(s string) bool { return strings.HasSuffix(s, want) }, nil
	case mesh.LogContains:
		return func(s string) bool { return strings.Contains(s, want) }, nil
	case mesh.LogIn:
		return func(s string) bool { return slices.Contains(t.Texts, s) }, nil
	case mesh.LogMatches:
		re, err := regexp.Compile(want)
		if err != nil {
			return nil, fmt.Errorf("matches %q: %w", want, err)
		}
		return re.MatchString, nil
	default:
		return nil, fmt.Errorf("%q of %q is not known", t.Op, t.Attribute)
	}
}

func numberOf(attribute string) func(q *Request) (float64, bool) {
	switch attribute {
	case "response.code":
		return func(q *Request) (float64, bool) { return float64(q.Code), q.Code != 0 }
	case "response.grpc_status":
		return func(q *Request) (float64, bool) { return float64(q.GRPCStatus), q.GRPCStatus >= 0 }
	case "request.size":
		return func(q *Request) (float64, bool) { return float64(q.Size), true }
	case "response.size":
		return func(q *Request) (float64, bool) { return float64(q.ResponseSize), true }
	case "request.duration":
		return func(q *Request) (float64, bool) { return q.Took.Seconds(), true }
	}
	return nil
}

func onNumber(t *mesh.LogTest, of func(q *Request) (float64, bool)) (test, error) {
	if t.Op == mesh.LogHas {
		return func(q *Request) answer { _, there := of(q); return answerOf(there) }, nil
	}
	fits := numberTest(t)
	if fits == nil {
		return nil, fmt.Errorf("%q of %q is not known", t.Op, t.Attribute)
	}
	return func(q *Request) answer {
		n, there := of(q)
		if !there {
			return unknown
		}
		return answerOf(fits(n))
	}, nil
}

func numberTest(t *mesh.LogTest) func(n float64) bool {
	want := t.Number
	switch t.Op {
	case mesh.LogEqual:
		return func(n float64) bool { return n == want }
	case mesh.LogLess:
		return func(n float64) bool { return n < want }
	case mesh.LogAtMost:
		return func(n float64) bool { return n <= want }
	case mesh.LogMore:
		return func(n float64) bool { return n > want }
	case mesh.LogAtLeast:
		return func(n float64) bool { return n >= want }
	case mesh.LogIn:
		return func(n float64) bool { return slices.Contains(t.Numbers, n) }
	default:
		return nil
	}
}
