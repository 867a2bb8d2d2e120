package retry

// slots is how many a window has.
const slots = 10

// window is a sum over the newest slots of time. Whoever has it guards it, and says which
// slot it is now.
type window struct {
	slots   [slots]int64
	current int64 // number of the newest slot
	sum     int64
}

// advance forgets the slots that have left the window when slot n has begun.
func (w *window) advance(n int64) {
	if n-w.current >= slots {
		*w = window{current: n}
		return
	}
	for w.current < n {
		w.current++
		w.sum -= w.slots[w.current%slots]
		w.slots[w.current%slots] = 0
	}
}

// add counts in the newest slot.
func (w *window) add(amount int64) {
	w.slots[w.current%slots] += amount
	w.sum += amount
}
