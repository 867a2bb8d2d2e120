// Package endpoint chooses among the addresses of control planes that all tell the
// same: one is used until it fails, then the next.
package endpoint

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
)

// Parse reads "a:15012,b:15012"; "https://" before an address is taken for what it is.
func Parse(list string) ([]string, error) {
	var out []string
	for one := range strings.SplitSeq(list, ",") {
		address := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(one), "https://"), "/")
		if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" || strings.ContainsAny(address, "/ \t\r\n") {
			return nil, fmt.Errorf("%q: want host:port, or several with commas between them", one)
		}
		if slices.Contains(out, address) {
			return nil, fmt.Errorf("%s is named twice", address)
		}
		out = append(out, address)
	}
	return out, nil
}

// List is a client's addresses. Its methods may be called from any goroutine.
type List struct {
	addresses []string // in this client's own order; never changed

	mu sync.Mutex // guards what follows
	at int
}

// New is a list in an order of its own, so that the clients of one control plane that
// fails go to all others and not to one.
func New(list string) (*List, error) {
	addresses, err := Parse(list)
	if err != nil {
		return nil, err
	}
	rand.Shuffle(len(addresses), func(i, k int) { addresses[i], addresses[k] = addresses[k], addresses[i] })
	return &List{addresses: addresses}, nil
}

// Of is a list of one address, whatever it looks like.
func Of(address string) *List { return &List{addresses: []string{address}} }

// Len is how many addresses there are.
func (l *List) Len() int { return len(l.addresses) }

// Addresses are all there are, the one to use now first.
func (l *List) Addresses() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Concat(l.addresses[l.at:], l.addresses[:l.at])
}

// Current is the one to use now.
func (l *List) Current() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.addresses[l.at]
}

// Failed goes on to the next one, unless somebody has done so already.
func (l *List) Failed(address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.addresses[l.at] == address {
		l.at = (l.at + 1) % len(l.addresses)
	}
}

// Try does something with each address until it is done, an error is final, or none is
// left. The error tells of every address that was tried.
func (l *List) Try(do func(address string) error, final func(error) bool) error {
	var all []error
	for _, address := range l.Addresses() {
		err := do(address)
		if err == nil {
			return nil
		}
		if all = append(all, err); final(err) {
			break
		}
		l.Failed(address)
	}
	return errors.Join(all...)
}
