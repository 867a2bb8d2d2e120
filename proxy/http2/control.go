package http2

import (
	"time"

	"golang.org/x/net/http2"
)

// readSettings takes the peer's settings, and says so.
func (c *conn) readSettings(f *http2.SettingsFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.IsAck() {
		return c.calm.chat()
	}
	if f.NumSettings() > 32 {
		return connErrorf(http2.ErrCodeEnhanceYourCalm, "SETTINGS with more than 32 of them")
	}
	if err := f.ForeachSetting(c.setting); err != nil {
		return err
	}
	c.fr.WriteSettingsAck() //nolint:errcheck // gathering cannot fail
	if !c.ready {
		c.ready = true
		c.role.settled()
	}
	c.wakeFlusher()
	return c.calm.chat()
}

// setting applies one of the peer's settings. The lock is held.
func (c *conn) setting(s http2.Setting) error {
	if err := s.Valid(); err != nil {
		code, _ := err.(http2.ConnectionError) //nolint:errorlint // Valid returns it bare
		return connErrorf(Code(code), "setting %v", s)
	}
	switch s.ID {
	case http2.SettingHeaderTableSize:
		c.enc.SetMaxDynamicTableSize(min(s.Val, tableSize))
	case http2.SettingMaxConcurrentStreams:
		c.peer.maxStreams = s.Val
	case http2.SettingMaxFrameSize:
		c.peer.maxFrame = int(min(s.Val, maxFrame))
	case http2.SettingEnableConnectProtocol:
		c.peer.connect = s.Val == 1
	case http2.SettingEnablePush:
		if !c.server && s.Val != 0 {
			return connErrorf(http2.ErrCodeProtocol, "a server that enables push")
		}
	case http2.SettingInitialWindowSize:
		return c.resizeWindows(int64(s.Val))
	}
	return nil
}

// resizeWindows makes all windows of streams as if they had begun so. The lock is held.
func (c *conn) resizeWindows(window int64) error {
	delta := window - c.peer.window
	c.peer.window = window
	for _, s := range c.streams {
		if s.send += delta; s.send > maxWindow {
			return connErrorf(http2.ErrCodeFlowControl, "a stream's window grows beyond 2^31-1")
		}
		s.opened()
	}
	return nil
}

// opened wakes the stream if a window keeps it waiting that does so no more.
func (s *Stream) opened() {
	if s.starved && s.send > 0 && s.c.send > 0 {
		s.wakeUp()
	}
}

// readWindow opens a window.
func (c *conn) readWindow(f *http2.WindowUpdateFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	by := int64(f.Increment)
	if err := c.calm.chat(); err != nil {
		return err
	}
	if f.StreamID == 0 {
		if c.send += by; c.send > maxWindow {
			return connErrorf(http2.ErrCodeFlowControl, "the connection's window grows beyond 2^31-1")
		}
		for _, s := range c.streams {
			s.opened()
		}
		return nil
	}
	s := c.streams[f.StreamID]
	switch {
	case s == nil && c.idle(f.StreamID):
		return connErrorf(http2.ErrCodeProtocol, "WINDOW_UPDATE on a stream that is idle")
	case s == nil || s.err != nil:
		return nil
	}
	if s.send += by; s.send > maxWindow {
		return &violation{s.id, http2.ErrCodeFlowControl, "the stream's window grows beyond 2^31-1"}
	}
	s.opened()
	return nil
}

// readReset ends a stream that the peer has given up.
func (c *conn) readReset(f *http2.RSTStreamFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streams[f.StreamID]
	switch {
	case s == nil && c.idle(f.StreamID):
		return connErrorf(http2.ErrCodeProtocol, "RST_STREAM on a stream that is idle")
	case s == nil || s.err != nil:
		return c.calm.chat()
	}
	s.fail(&StreamError{Code: f.ErrCode, Remote: true, Unprocessed: f.ErrCode == http2.ErrCodeRefusedStream && !s.headReady && s.seen.Status == 0})
	if c.server && !s.sentHead && time.Since(s.since) < prematureLife {
		return c.calm.reset()
	}
	return nil
}

// readPing answers a ping, or takes the answer to one.
func (c *conn) readPing(f *http2.PingFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.IsAck() {
		c.pinged = time.Time{}
		if p, ok := c.role.(interface{ pong(data [8]byte) }); ok {
			p.pong(f.Data)
		}
		return c.calm.chat()
	}
	c.fr.WritePing(true, f.Data) //nolint:errcheck // gathering cannot fail
	c.wakeFlusher()
	return c.calm.chat()
}

// wakeFlusher lets what is gathered be written by somebody else. The lock is held.
func (c *conn) wakeFlusher() {
	if !c.writing && c.err == nil && len(c.out) > 0 {
		c.handlers.Go(c.flush) // run waits for it
	}
}

// giveCredit counts bytes that the peer may send again on the connection. The lock is
// held.
func (c *conn) giveCredit(n int64) {
	if c.credit += n; c.credit < connectionWindow/4 || c.err != nil {
		return
	}
	c.fr.WriteWindowUpdate(0, uint32(c.credit)) //nolint:errcheck // gathering cannot fail
	c.recv += c.credit
	c.credit = 0
	c.wakeFlusher()
}
