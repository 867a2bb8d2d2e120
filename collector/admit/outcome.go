package admit

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sightline-mesh/sightline/collector/throttle"
)

// Books are told what became of a request's items.
type Books interface {
	Rejected(signal, reason string, n int)
	Overflow(signal, key string, n int)
	Truncated(signal, why string, n int)
}

// Outcome is what was decided of a request.
type Outcome struct {
	signal, unit string // "traces", "spans"

	items     int               // of the request, before
	cost      []throttle.Charge // of it
	rejected  map[string]int
	overflow  map[string]int
	truncated map[string]int
	faults    []string
}

// Reasons for which an item is rejected.
const (
	NotUTF8         = "not-utf-8"
	SeriesOfMetric  = "series-per-metric"
	SeriesOfTenant  = "series-per-tenant"
	SeriesOfAll     = "series-of-all-tenants"
	tooManyAttrs    = "attribute-count"
	tooLongAttr     = "attribute-length"
	maxFaults       = 3   // told of one request
	maxFault        = 500 // bytes
	overflowKey     = "red-keys"
	overflowEdge    = "edges"
	overflowName    = "span-names"
	overflowService = "services"
	overflowReport  = "red-instances"
)

func add(to *map[string]int, why string, n int) {
	if n <= 0 {
		return
	}
	if *to == nil {
		*to = map[string]int{}
	}
	(*to)[why] += n
}

// Rejected is how many items are not taken, and must not be sent again.
func (o *Outcome) Rejected() int {
	n := 0
	for _, v := range o.rejected {
		n += v
	}
	return n
}

// Left is how many items are taken.
func (o *Outcome) Left() int { return o.items - o.Rejected() }

// Message says what was rejected and why, empty where nothing was.
func (o *Outcome) Message() string {
	if len(o.faults) == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d %s rejected: %s", o.Rejected(), o.items, o.unit, strings.Join(o.faults, "; "))
}

// Invalid is why nothing of a request can be taken, nil where something can, or where it
// could, were it not for a limit.
func (o *Outcome) Invalid() error {
	if o.items == 0 || o.rejected[NotUTF8] < o.items {
		return nil
	}
	return &InvalidError{o.Message()}
}

// InvalidError says that a request is wrong, and will be however often it comes.
type InvalidError struct{ message string }

// Error implements error.
func (e *InvalidError) Error() string { return e.message }

// Enter tells the books, once the request is taken or is known never to be.
func (o *Outcome) Enter(b Books) {
	for _, c := range []struct {
		counts map[string]int
		tell   func(signal, why string, n int)
	}{{o.rejected, b.Rejected}, {o.overflow, b.Overflow}, {o.truncated, b.Truncated}} {
		for _, why := range slices.Sorted(maps.Keys(c.counts)) {
			c.tell(o.signal, why, c.counts[why])
		}
	}
}

func (o *Outcome) reject(reason string, n int, fault func() string) {
	add(&o.rejected, reason, n)
	if n > 0 && len(o.faults) < maxFaults {
		text := fault()
		o.faults = append(o.faults, strings.ToValidUTF8(text[:min(len(text), maxFault)], "?"))
	}
}

func (o *Outcome) overflowed(key string, n int) { add(&o.overflow, key, n) }
func (o *Outcome) cut(why string, n int)        { add(&o.truncated, why, n) }
func (o *Outcome) trimmed(r trimmed)            { o.cut(tooManyAttrs, r.left); o.cut(tooLongAttr, r.cut) }
