package pipeline

import "sync"

// waiting bounds the bodies that are read or wait, in bytes as they are decompressed. A
// sidecar sends one at a time, of 64 KiB compressed or little more: those of 50 sidecars at
// the same moment fit with room to spare, as do several seconds of 20,000 spans/s, and three
// of the largest that may come, two of one tenant's. In memory they take up to three times as
// much: what they were decompressed into, and what they are read into, which grows ahead.
const waiting = 64 << 20

// intake is the room for bodies that are read or wait.
type intake struct {
	most, ofOne int64 // of all, and of one tenant: its flood leaves room for what others send

	mu   sync.Mutex
	all  int64
	held map[string]int64 // by tenant; of those that have any
}

func newIntake(most int64) *intake {
	return &intake{most: most, ofOne: most / 4 * 3, held: map[string]int64{}}
}

// take reports whether there is room for n bytes more of a tenant's. It waits for none: bodies
// of which each has a part would wait for each other.
func (r *intake) take(tenant string, n int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all+n > r.most || r.held[tenant]+n > r.ofOne {
		return false
	}
	r.change(tenant, n)
	return true
}

// release gives n of a tenant's bytes back.
func (r *intake) release(tenant string, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.change(tenant, -n)
}

// change adds n bytes. The lock is held.
func (r *intake) change(tenant string, n int64) {
	r.all += n
	r.held[tenant] += n
	if r.held[tenant] == 0 {
		delete(r.held, tenant)
	}
}
