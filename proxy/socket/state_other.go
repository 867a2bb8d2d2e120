//go:build !linux

package socket

// probe is empty where the kernel is not asked.
type probe struct{}

func (s *Socket) prepare() {}

// Quiet is always true here: a dead idle connection is found by using it.
func (s *Socket) Quiet() bool { return true }

// Readable is always false here.
func (s *Socket) Readable() bool { return false }

// End is always Connected here: a client that hung up is found by writing to it.
func (s *Socket) End() End { return Connected }
