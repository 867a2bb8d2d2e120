package balance

// Table sends the same key to the same place for as long as the place is able, and
// moves few keys when places come or go. It is never changed once made.
type Table interface {
	// Pick returns the number of the place for a key: the first able one in the key's
	// own order of places, -1 if none is. Able says of each place whether it is.
	Pick(key uint64, able []bool) int
}

// Hash is the hash of a key or of a name. It is the same in every process, so that all
// senders of a mesh agree.
func Hash(s string) uint64 {
	h := uint64(14695981039346656037) // FNV-1a…
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return mix(h) // …whose upper bits are poor for short strings
}

// mix makes every bit of the result depend on every bit of x (splitmix64's last step).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
