package hub

import "time"

const (
	busy   = 4  // changes gathered for one state: more of them are waited for
	finest = 10 // of Config.Quiet: the least time between two states
)

// pace decides when the next state is due. The first change after a calm goes out at
// once. While changes keep coming, states are apart by a gap that doubles each time
// many changes were gathered for one, up to Config.Most, and halves when few were. A
// gap ends early when nothing has changed for Config.Quiet.
//
// So one instance that changes in a mesh is told of at once, and ten a second each
// after some milliseconds; a thousand that start together are told of once a second.
type pace struct {
	cfg  Config
	gap  time.Duration // 0 is the least
	last time.Time     // of the newest state
}

// wait is how long changes are gathered from now on.
func (p *pace) wait(now time.Time) time.Duration {
	calm := now.Sub(p.last)
	if calm >= p.cfg.Most {
		p.gap = 0
	}
	return max(p.gap, p.least()) - calm
}

// went takes note of a state for which so many changes were gathered.
func (p *pace) went(now time.Time, gathered int64) {
	p.last = now
	if gathered >= busy {
		p.gap = min(2*max(p.gap, p.least()), p.cfg.Most)
		return
	}
	p.gap /= 2
}

func (p *pace) least() time.Duration { return p.cfg.Quiet / finest }
