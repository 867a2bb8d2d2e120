package cuts

import "encoding/binary"

// apply takes an entry over.
func (s *state) apply(body []byte) error {
	r := reader{rest: body[1:]}
	switch body[0] {
	case kindState:
		*s = r.state()
	case kindBegin:
		c := r.cut()
		if r.bad || c.To < c.From {
			return errEntry
		}
		s.begin(c)
	case kindOver:
		s.over(r.number())
	default:
		return errEntry
	}
	if r.bad || len(r.rest) > 0 {
		return errEntry
	}
	return nil
}

// reader takes an entry apart.
type reader struct {
	rest []byte
	bad  bool // it ended early
}

func (r *reader) number() uint64 {
	n, used := binary.Uvarint(r.rest)
	if used <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[used:]
	return n
}

func (r *reader) text() string {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}

func (r *reader) cut() Cut {
	c := Cut{From: r.number(), To: r.number(), Name: r.text()}
	if note := r.text(); note != "" {
		c.Note = []byte(note)
	}
	return c
}

func (r *reader) state() state {
	s := state{id: r.text(), done: r.number(), former: Range{r.number(), r.number()}}
	for n := r.number(); n > 0 && !r.bad; n-- {
		over := r.number() == 1
		s.cuts = append(s.cuts, cut{Cut: r.cut(), over: over})
	}
	return s
}
