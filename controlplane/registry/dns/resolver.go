package dns

import (
	"context"
	"net/netip"
	"time"
)

// Kind is what a name is asked for.
type Kind int

// The kinds of records.
const (
	A Kind = iota
	AAAA
	SRV
)

// String is the kind as it is written.
func (k Kind) String() string { return [...]string{"A", "AAAA", "SRV"}[k] }

// Server is one record of a name of services.
type Server struct {
	Priority uint16
	Name     string
	Port     uint16
}

// Answer is what there is to know of a name, and for how long.
type Answer struct {
	Addresses []netip.Addr // of A and AAAA
	Servers   []Server     // of SRV
	Life      time.Duration
}

func (a Answer) empty() bool { return len(a.Addresses)+len(a.Servers) == 0 }

// Resolver asks. It may be called from several goroutines.
type Resolver interface {
	// Resolve is what there is of a kind. That there is no such name, or nothing of that
	// kind, is an empty answer; an error says that it could not be found out.
	Resolve(ctx context.Context, name string, kind Kind) (Answer, error)
}
