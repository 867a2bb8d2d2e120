package push

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/wire"
)

// introduction bounds how long a stream may take to its first push that is to take
// another's place.
const introduction = 10 * time.Second

// errBehind ends a stream that would have taken the sidecar back.
var errBehind = errors.New("the stream that was to take its place is behind it")

// succession waits until the stream is to be made anew, and ends it once another has
// brought a push. It returns that, or nil when this one has ended by itself first.
func (s *session) succession(ctx context.Context) *session {
	for {
		select {
		case <-s.c.reopen:
		case <-s.live.Done():
			return nil
		}
		next := s.c.session(ctx, s.address)
		err := next.introduce()
		if err == nil {
			s.cancel() // unless the control plane has ended it already
			return next
		}
		next.end()
		s.c.cfg.Logger.Info("the control plane feed is not made anew", "control plane", s.address, "reason", err)
	}
}

// introduce says hello and awaits the first push. The control plane ends the stream of
// before when it has taken this one on.
func (s *session) introduce() error {
	late := time.AfterFunc(introduction, s.cancel)
	defer late.Stop()
	if err := ignoreEOF(s.greet()); err != nil {
		return err
	}
	first, err := s.st.Receive()
	if err != nil {
		return fmt.Errorf("receive push: %w", err)
	}
	if !late.Stop() {
		return context.DeadlineExceeded
	}
	s.first = first
	return nil
}

// isBefore reports whether a push is of an older state of the same store than the one in
// force, as by a control plane that lags.
func (c *Client) isBefore(m *wire.Push) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return m.GetEpoch() == c.has.epoch && m.GetVersion() < c.has.version
}
