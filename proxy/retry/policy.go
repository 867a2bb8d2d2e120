package retry

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Policy says how often and after what a request is tried again. The zero value
// never tries again. Policies are values; they share nothing that changes.
type Policy struct {
	// Attempts is how many tries may follow the first.
	Attempts int
	// PerTry bounds the time until the head of one try's response; 0 is no bound.
	PerTry time.Duration
	// Backoff is the base of the pauses before retries; 0 is 25 ms.
	Backoff time.Duration

	on    condition
	codes []int // sorted; with onCodes
}

type condition uint32

const (
	onUnprocessed condition = 1 << iota
	on5xx
	onGateway
	onReset
	onConnect
	on409
	onRefused
	onCodes
	onUnsent
	onCancelled
	onDeadline
	onInternal
	onExhausted
	onUnavailable
	onLimited
)

// words are the conditions by the names that Envoy and Istio gave them.
var words = map[string]condition{
	"5xx":                    on5xx,
	"gateway-error":          onGateway,
	"reset":                  onReset,
	"connect-failure":        onConnect,
	"retriable-4xx":          on409,
	"refused-stream":         onRefused,
	"retriable-status-codes": onCodes,
	"reset-before-request":   onUnsent,
	"cancelled":              onCancelled,
	"deadline-exceeded":      onDeadline,
	"internal":               onInternal,
	"resource-exhausted":     onExhausted,
	"unavailable":            onUnavailable,
	"envoy-ratelimited":      onLimited,
}

// grpcConditions maps the status codes of gRPC to the conditions that name them.
var grpcConditions = map[int]condition{
	1: onCancelled, 4: onDeadline, 8: onExhausted, 13: onInternal, 14: onUnavailable,
}

// Default is the policy of a route that says nothing of retries: two more tries,
// and only where the request provably was not processed. Sending again after a 503
// would be unsafe for requests that change something.
func Default() Policy { return Policy{Attempts: 2, on: onUnprocessed} }

// Parse makes a policy of its written form. The words of on are Envoy's names and
// bare status codes; none means the conditions of Default. The error names the
// first word that is neither.
func Parse(attempts int, perTry time.Duration, on []string) (Policy, error) {
	if attempts < 0 {
		return Policy{}, fmt.Errorf("attempts: %d is negative", attempts)
	}
	if perTry < 0 {
		return Policy{}, fmt.Errorf("perTryTimeout: %v is negative", perTry)
	}
	p := Policy{Attempts: attempts, PerTry: perTry}
	if len(on) == 0 {
		p.on = onUnprocessed
		return p, nil
	}
	for i, word := range on {
		if c, known := words[word]; known {
			p.on |= c
			continue
		}
		code, err := strconv.Atoi(word)
		if err != nil || code < 100 || code > 599 {
			return Policy{}, fmt.Errorf("on[%d]: %q is neither a retry condition nor a status code", i, word)
		}
		p.on |= onCodes
		p.codes = append(p.codes, code)
	}
	slices.Sort(p.codes)
	return p, nil
}

// Retries reports whether o is a reason to try again. How many tries are left, and
// whether the body can be sent again, is for the caller to know.
func (p Policy) Retries(o Outcome) bool {
	switch {
	case p.Attempts == 0 || o.End == Withheld:
		return false
	case p.has(onUnprocessed) && o.unprocessed():
		return true
	case o.End == Answered:
		return p.retriesStatus(o.Status) || p.has(grpcConditions[o.GRPCStatus]) || o.Limited && p.has(onLimited)
	}
	return p.retriesBroken(o)
}

func (p Policy) retriesStatus(status int) bool {
	switch {
	case p.has(on5xx) && status >= 500 && status <= 599:
		return true
	case p.has(onGateway) && status >= 502 && status <= 504:
		return true
	case p.has(on409) && status == 409:
		return true
	}
	_, listed := slices.BinarySearch(p.codes, status)
	return p.has(onCodes) && listed
}

// retriesBroken is about tries without a response. To the words that speak of a
// gateway's 5xx such a try is one, as the caller would otherwise see a 503 or a 504.
func (p Policy) retriesBroken(o Outcome) bool {
	if !o.broken() {
		return false
	}
	switch {
	case p.has(on5xx | onGateway):
		return true
	case o.End == ConnectFailed:
		return p.has(onConnect)
	case o.End == Refused:
		return p.has(onRefused | onReset)
	case o.End == Unsent:
		return p.has(onUnsent | onReset)
	case o.End == TimedOut:
		return p.has(onReset)
	}
	return p.has(onReset)
}

// has reports whether any of the conditions is set.
func (p Policy) has(c condition) bool { return p.on&c != 0 }
