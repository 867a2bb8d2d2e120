// Package sampling decides which traces are recorded.
//
// The sidecar where a trace starts decides for all of it, by the random part of its id,
// and everybody after it keeps to that: a parent's decision is never changed. What a
// sidecar records on its own account beside that, failures and slow requests, is decided
// when the request has ended, and is of its own spans only: every sidecar that such a
// request passed and that is told the same does so for the hop it saw fail, but those
// whose hops went well have forgotten theirs, and an app's own spans are not there. The
// ids that were passed on are the same either way, so what is there hangs together.
package sampling

import (
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Sampler is a compiled mesh.Sampling. It is never changed.
type Sampler struct {
	all   share
	rules []rule
	// Errors and Slow say what is kept though it is not sampled; 0 is nothing.
	Errors bool
	Slow   time.Duration
}

// share is how many of the 2^56 ids there are at random in a trace id are sampled.
type share uint64

const ids = 1 << 56

type rule struct {
	host, path, method string
	headers            []header
	share              share
}

type header struct{ name, value string }

// Request is what rules are about.
type Request struct {
	Host, Path, Method string
	// Header finds a field by its lower-case name.
	Header func(name string) (string, bool)
}

// Compile proves what is said and makes it quick to follow.
func Compile(s *mesh.Sampling) (*Sampler, error) {
	all, err := shareOf(s.Percentage)
	if err != nil {
		return nil, err
	}
	if s.KeepSlower < 0 {
		return nil, fmt.Errorf("keepSlower: %v is below 0", s.KeepSlower)
	}
	out := &Sampler{all: all, Errors: s.KeepErrors, Slow: s.KeepSlower}
	for i, r := range s.Rules {
		of, err := shareOf(r.Percentage)
		if err != nil {
			return nil, fmt.Errorf("rules[%d]: %w", i, err)
		}
		c := rule{host: strings.ToLower(r.Host), path: r.PathPrefix, method: r.Method, share: of}
		for name, value := range r.Headers {
			c.headers = append(c.headers, header{strings.ToLower(name), value})
		}
		out.rules = append(out.rules, c)
	}
	return out, nil
}

func shareOf(percentage float64) (share, error) {
	if math.IsNaN(percentage) || percentage < 0 || percentage > 100 {
		return 0, fmt.Errorf("percentage: %v is not between 0 and 100", percentage)
	}
	return share(percentage / 100 * ids), nil
}

// Sample decides on a trace that starts with a request. Whoever decides by the same
// share comes to the same: of W3C's trace ids the last seven bytes are random, and of what
// they say the highest are sampled, as OpenTelemetry's consistent samplers have it, so that
// one that keeps a smaller share later keeps some of these.
func (s *Sampler) Sample(trace [16]byte, q *Request) bool {
	of := s.all
	for i := range s.rules {
		if s.rules[i].fits(q) {
			of = s.rules[i].share
			break
		}
	}
	return share(binary.BigEndian.Uint64(trace[8:])&(ids-1)) >= ids-of
}

// Keeps reports whether the sidecar's own span of a request that is not sampled is
// recorded.
func (s *Sampler) Keeps(failed bool, took time.Duration) bool {
	return failed && s.Errors || s.Slow > 0 && took >= s.Slow
}

func (r *rule) fits(q *Request) bool {
	if r.host != "" && !strings.EqualFold(hostOf(q.Host), r.host) ||
		r.method != "" && r.method != q.Method || !strings.HasPrefix(q.Path, r.path) {
		return false
	}
	for i := range r.headers {
		h := &r.headers[i]
		if v, ok := q.Header(h.name); !ok || v != h.value {
			return false
		}
	}
	return true
}

// hostOf is an authority without its port.
func hostOf(authority string) string {
	if host, _, err := net.SplitHostPort(authority); err == nil {
		return host
	}
	return authority
}
