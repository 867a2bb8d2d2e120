package inflight

import (
	"strings"
	"sync"
	"sync/atomic"
)

// mostCallers bounds the callers that are told apart. Those beyond are one.
const mostCallers = 4096

// planes is how many Gates may count the same callers.
const planes = 2

// Caller is somebody with connections, and what they have under way.
type Caller struct {
	key         string
	connections int // guarded by Callers.mu
	now         [planes]atomic.Int64
}

// Callers are those that are connected. The zero value has none.
type Callers struct {
	mu      sync.Mutex // guards what follows, and the connections of each
	all     map[string]*Caller
	rest    Caller
	crowded atomic.Uint64
}

// Join counts a connection of a caller in, unless it has as many as it may; 0 is no
// bound. If it reports true, Quit must follow.
func (c *Callers) Join(key string, most int) (*Caller, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.all[key]
	switch {
	case one != nil:
	case len(c.all) >= mostCallers:
		c.crowded.Add(1)
		one = &c.rest
	default:
		if c.all == nil {
			c.all = make(map[string]*Caller)
		}
		one = &Caller{key: strings.Clone(key)}
		c.all[one.key] = one
	}
	if most > 0 && one.connections >= most {
		return nil, false
	}
	one.connections++
	return one, true
}

// Quit counts a connection out. Nothing may be under way on it any more.
func (c *Callers) Quit(one *Caller) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one.connections--; one.connections == 0 && one != &c.rest {
		delete(c.all, one.key)
	}
}

// Crowded is how many connections had to share one caller's part, as there were too
// many callers.
func (c *Callers) Crowded() uint64 { return c.crowded.Load() }

// Len is how many callers are told apart now.
func (c *Callers) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all)
}
