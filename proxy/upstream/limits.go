package upstream

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/retry"
)

// limits counts what a group has in flight, against its policy. It outlives updates.
type limits struct {
	inFlight, retries atomic.Int64
	max               atomic.Pointer[maximum]
}

// maximum is what a policy allows. It is swapped whole.
type maximum struct {
	requests, retries int
	share             *retry.Share // takes the place of retries
}

func (l *limits) set(p *mesh.Policy, now func() time.Time) {
	m := &maximum{requests: p.Limits.Requests, retries: p.Limits.Retries}
	if b := p.RetryBudget; b != nil {
		rule := retry.ShareConfig{Percent: b.Percent, Least: b.MinRetries, Interval: b.Interval}
		if old := l.max.Load(); old != nil && old.share != nil && old.share.Config() == rule {
			m.share = old.share
		} else {
			m.share = retry.NewShare(rule, now)
		}
	}
	l.max.Store(m)
}

// enter counts a request in that was tried so many times before, unless a limit of
// the policy is reached.
func (l *limits) enter(tries int) error {
	m := l.max.Load()
	requests := l.inFlight.Add(1)
	if m.requests > 0 && requests > int64(m.requests) {
		l.inFlight.Add(-1)
		return fmt.Errorf("%w: %d requests are in flight (http2MaxRequests)", ErrOverflow, m.requests)
	}
	if tries == 0 {
		if m.share != nil {
			m.share.Request()
		}
		return nil
	}
	allowed, name := m.retries, "maxRetries"
	if m.share != nil {
		allowed, name = m.share.Allowed(int(requests)), "retryBudget"
	} else if allowed == 0 {
		allowed = 1 << 30
	}
	if l.retries.Add(1) > int64(allowed) {
		l.retries.Add(-1)
		l.inFlight.Add(-1)
		return fmt.Errorf("%w: %d retries are in flight (%s)", ErrOverflow, allowed, name)
	}
	return nil
}

func (l *limits) leave(tries int) {
	l.inFlight.Add(-1)
	if tries > 0 {
		l.retries.Add(-1)
	}
}
