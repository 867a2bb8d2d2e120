package http2

import "io"

// source reads ahead of the Framer, and hands out what it has without a copy.
type source struct {
	r        io.Reader
	buf      []byte
	from, to int
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := s.next(len(p))
	return copy(p, b), err
}

// next takes between one and limit bytes, which are valid until the next call.
func (s *source) next(limit int) ([]byte, error) {
	if s.from == s.to {
		if err := s.fill(); err != nil {
			return nil, err
		}
	}
	b := s.buf[s.from:min(s.to, s.from+limit)]
	s.from += len(b)
	return b, nil
}

// whole takes n bytes at once, valid like those of next, if so many are there already.
func (s *source) whole(n int) (p []byte, ok bool) {
	if n > s.to-s.from {
		return nil, false
	}
	p = s.buf[s.from : s.from+n]
	s.from += n
	return p, true
}

func (s *source) fill() error {
	if s.buf == nil {
		s.buf = buffers.borrow(maxFrame)
	}
	for range 100 {
		n, err := s.r.Read(s.buf)
		if n > 0 {
			s.from, s.to = 0, n
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

func (s *source) close() {
	buffers.giveBack(s.buf)
	s.buf, s.from, s.to = nil, 0, 0
}
