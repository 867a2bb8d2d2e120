package http2

import "time"

// bucket holds tokens that come back over time.
type bucket struct {
	spent float64
	at    time.Time // since when those spent come back
}

// take takes a token and reports whether there was one.
func (b *bucket) take(limit, rate float64) bool {
	if b.spent++; b.spent <= limit {
		return true
	}
	// Only now does it matter what time it is.
	now := time.Now()
	b.spent = max(1, b.spent-now.Sub(b.at).Seconds()*rate)
	b.at = now
	return b.spent <= limit
}

// back gives tokens back.
func (b *bucket) back(n float64) { b.spent = max(0, b.spent-n) }

// calm is what the peer has done in vain. It is guarded by the connection's lock.
type calm struct {
	chatter, resets bucket
}

// chat counts a frame that furthers no request.
func (c *calm) chat() error {
	if c.chatter.take(maxChatter, chatterRate) {
		return nil
	}
	return connErrorf(enhanceYourCalm, "too many frames that further no request")
}

// progress counts a frame that does.
func (c *calm) progress() { c.chatter.back(2) }

// reset counts a stream that ended before anything came of it.
func (c *calm) reset() error {
	if c.resets.take(maxResets, resetRate) {
		return nil
	}
	return connErrorf(enhanceYourCalm, "too many streams are reset")
}
