package identity

import (
	"context"
	"errors"
	"time"
)

const (
	renewJitter   = 0.05 // of the life, either way around its half
	retryShare    = 20   // a failed renewal waits a 20th of the life at most
	retryShortest = 50 * time.Millisecond
	retryLongest  = 30 * time.Second
)

// Run renews the certificate at half its life, give or take a little so that a
// mesh that was started at once does not renew at once. It returns nil when ctx
// ends. A control plane that cannot be reached is asked again and again; should
// the certificate run out meanwhile, it enrols anew if it has a token.
func (s *Source) Run(ctx context.Context) error {
	failures := 0
	for wait := s.untilRenewal(time.Now()); sleep(ctx, wait); {
		err := s.replace(ctx)
		switch {
		case err == nil:
			s.cfg.Logger.Debug("certificate renewed", "expires", s.Expires())
			failures, wait = 0, s.untilRenewal(time.Now())
		case ctx.Err() == nil:
			failures++
			wait = s.retryAfter(failures)
			s.cfg.Logger.Warn("certificate renewal is tried again", "expires", s.Expires(), "in", wait, "reason", err)
		}
	}
	return nil
}

func (s *Source) replace(ctx context.Context) error {
	m, err := s.renew(ctx)
	if err != nil && s.token != nil && !time.Now().Before(s.Expires()) {
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

// untilRenewal is how long to wait before the current certificate is replaced.
func (s *Source) untilRenewal(now time.Time) time.Duration {
	leaf := s.current.Load().certificate.Leaf
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	at := 0.5 + renewJitter*(2*s.random()-1)
	wait := leaf.NotBefore.Add(time.Duration(at * float64(life))).Sub(now)
	return max(wait, retryShortest) // clocks that disagree must not make a busy loop
}

// retryAfter doubles with every failure, up to a share of the certificate's life.
func (s *Source) retryAfter(failures int) time.Duration {
	leaf := s.current.Load().certificate.Leaf
	longest := min(leaf.NotAfter.Sub(leaf.NotBefore)/retryShare, retryLongest)
	wait := retryShortest << min(failures-1, 20)
	return max(min(wait, longest), retryShortest)
}
