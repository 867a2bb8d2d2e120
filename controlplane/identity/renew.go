package identity

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	renewJitter   = 0.05 // of the life, either way around its half
	retryShare    = 20   // a failed renewal waits a 20th of the life at most
	retryShortest = 50 * time.Millisecond
	retryLongest  = 30 * time.Second
	settle        = time.Minute // between two renewals that both went well, at most
)

// Run renews the certificate at half its life, give or take a little so that a mesh
// that was started at once does not renew at once, and at once when another authority
// signs. It follows whom the control plane says to trust. It returns nil when ctx ends.
// A control plane that cannot be reached is asked again and again; should the
// certificate run out meanwhile, or the control plane refuse it, it enrols anew if it has
// a token: at once when the certificate is one from disk, else when it is to be renewed.
func (s *Source) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	parts.Go(func() { s.follow(ctx) })
	parts.Go(func() { s.retire(ctx) })
	parts.Go(func() { s.warn(ctx) })
	if s.agent != nil {
		s.followAgent(ctx)
	} else {
		s.renewals(ctx)
	}
	parts.Wait()
	return nil
}

func (s *Source) renewals(ctx context.Context) {
	for wait := s.untilRenewal(time.Now()); s.await(ctx, wait); {
		err := s.replace(ctx)
		if err == nil {
			s.note(nil)
			s.cfg.Logger.Debug("certificate renewed", "expires", s.Expires())
			wait = max(s.untilRenewal(time.Now()), min(s.life()/retryShare, settle)) // clocks that disagree must not make a busy loop
			continue
		}
		if ctx.Err() != nil {
			return
		}
		wait = s.retryAfter(s.note(err))
		s.cfg.Logger.Warn("certificate renewal is tried again", "expires", s.Expires(), "in", wait, "reason", err)
	}
}

// await waits for the time of a renewal, or until one must not wait for its time: then
// for a share of the time over which all holders come.
func (s *Source) await(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	case <-s.hurry:
		s.mu.Lock()
		spread := s.spread
		s.mu.Unlock()
		return sleep(ctx, time.Duration(s.random()*float64(spread)))
	}
}

// note counts what became of a renewal, and how many have failed in a row.
func (s *Source) note(err error) (failures uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.failures, s.failure = 0, ""
	} else {
		s.failures++
		s.failed++
		s.failure = err.Error()
	}
	signal(s.told)
	return s.failures
}

func (s *Source) replace(ctx context.Context) error {
	m, err := s.renew(ctx)
	if err != nil && s.token != nil && (unwelcome(err) || !time.Now().Before(s.Expires())) {
		var enrolErr error
		m, enrolErr = s.enrol(ctx)
		err = errors.Join(err, enrolErr)
		if enrolErr == nil {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	return s.adopt(m)
}

func (s *Source) life() time.Duration {
	leaf := s.current.Load().certificate.Leaf
	return leaf.NotAfter.Sub(leaf.NotBefore)
}

// untilRenewal is how long to wait before the current certificate is replaced.
func (s *Source) untilRenewal(now time.Time) time.Duration {
	at := 0.5 + renewJitter*(2*s.random()-1)
	wait := s.current.Load().certificate.Leaf.NotBefore.Add(time.Duration(at * float64(s.life()))).Sub(now)
	return max(wait, retryShortest)
}

// retryAfter doubles with every failure, up to a share of the certificate's life; half of
// it is by chance, so that a mesh whose control plane was away does not come back at once.
func (s *Source) retryAfter(failures uint64) time.Duration {
	longest := min(s.life()/retryShare, retryLongest)
	wait := max(min(retryShortest<<min(failures-1, 20), longest), retryShortest)
	return wait/2 + time.Duration(s.random()*float64(wait/2))
}
