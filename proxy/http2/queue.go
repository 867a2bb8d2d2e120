package http2

import (
	"slices"
	"sync"
)

// queue is who waits for a free stream. All are woken at once; who finds nothing comes
// back.
type queue struct {
	mu      sync.Mutex // the last one taken, after the client's and a connection's
	waiting []chan struct{}
}

// join takes a place, unless there are limit already.
func (q *queue) join(limit int) (place chan struct{}, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) >= limit {
		return nil, ErrOverflow
	}
	place = make(chan struct{})
	q.waiting = append(q.waiting, place)
	return place, nil
}

func (q *queue) leave(place chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = slices.DeleteFunc(q.waiting, func(w chan struct{}) bool { return w == place })
}

func (q *queue) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, w := range q.waiting {
		close(w)
	}
	q.waiting = nil
}
