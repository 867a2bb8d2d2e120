package identity

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"time"
)

// Status is how the certificate stands, for pages and metrics.
type Status struct {
	Serial      string    `json:"serial"`
	Fingerprint string    `json:"fingerprint"` // SHA-256, hex
	Expires     time.Time `json:"expires"`
	Alarm       Alarm     `json:"alarm,omitempty"`
	Failures    uint64    `json:"failures"` // renewals that failed since the last that did not
	Failed      uint64    `json:"failed"`   // all that failed
	Failure     string    `json:"failure,omitempty"`
	Trust       uint64    `json:"trust"` // version of whom to trust
	Roots       int       `json:"roots"`
	Revoked     int       `json:"revoked"`
	// Ahead is how far this machine's clock was ahead of the CA's when it gave the
	// certificate; below 0, behind. Certificates bear five minutes.
	Ahead time.Duration `json:"clockAhead"`
}

// Alarm says how urgent it is that a certificate is renewed.
type Alarm string

// The alarms there are. Renewal comes at half of the life: each means that it has been
// tried in vain for long.
const (
	NoAlarm  Alarm = ""
	Warning  Alarm = "warning"  // a third of the life is left
	Critical Alarm = "critical" // a tenth
	Expired  Alarm = "expired"
)

// Level is the alarm as metrics have it: 0 for none, 1 warning, 2 critical, 3 expired.
func (a Alarm) Level() float64 {
	switch a {
	case Warning:
		return 1
	case Critical:
		return 2
	case Expired:
		return 3
	}
	return 0
}

// AlarmOf is how urgent the renewal of something is that lives from one moment to another.
func AlarmOf(from, to, now time.Time) Alarm {
	left, life := to.Sub(now), to.Sub(from)
	switch {
	case left <= 0:
		return Expired
	case left <= life/10:
		return Critical
	case left <= life/3:
		return Warning
	}
	return NoAlarm
}

// Status is how the certificate stands now.
func (s *Source) Status() Status {
	m := s.current.Load()
	leaf := m.certificate.Leaf
	sum := sha256.Sum256(leaf.Raw)
	t := s.trust.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	return Status{
		Serial: leaf.SerialNumber.Text(16), Fingerprint: hex.EncodeToString(sum[:]), Expires: leaf.NotAfter,
		Alarm:    AlarmOf(leaf.NotBefore, leaf.NotAfter, time.Now()),
		Failures: s.failures, Failed: s.failed, Failure: s.failure,
		Trust: t.version, Roots: len(m.roots), Revoked: t.revoked.Len(),
		Ahead: time.Duration(s.clock.Load()),
	}
}

// Skewed is how far clocks may be apart before it is said: a certificate is on its way for
// seconds, and it hurts at five minutes.
const Skewed = time.Minute

// compareClocks tells how far this machine's clock is ahead of the CA's, by the moment of
// issue of a certificate that has just come.
func (s *Source) compareClocks(leaf *x509.Certificate) time.Duration {
	ahead := time.Since(IssuedAt(leaf))
	s.clock.Store(int64(ahead))
	return ahead
}

// warn says in the log when a certificate comes to a third and a tenth of its life and
// to its end without having been renewed, once for each.
func (s *Source) warn(ctx context.Context) {
	said := NoAlarm
	for sleep(ctx, s.untilAlarm(time.Now())) {
		now := s.Status()
		if now.Alarm != said && now.Alarm != NoAlarm {
			s.cfg.Logger.Error("certificate is not renewed", "left", time.Until(now.Expires).Round(time.Second), "alarm", string(now.Alarm),
				"expires", now.Expires, "failures", now.Failures, "reason", now.Failure)
		}
		said = now.Alarm
	}
}

// untilAlarm is how long to wait for the next moment at which something would be said.
func (s *Source) untilAlarm(now time.Time) time.Duration {
	leaf := s.current.Load().certificate.Leaf
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	for _, left := range []time.Duration{life / 3, life / 10, 0} {
		if at := leaf.NotAfter.Add(-left); now.Before(at) {
			return at.Sub(now)
		}
	}
	return max(life/10, time.Second)
}
