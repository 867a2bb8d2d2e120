package exporter

import (
	"encoding/binary"

	"github.com/sightline-mesh/sightline/collector/sampling"
	"github.com/sightline-mesh/sightline/collector/tail"
)

// A note says of each span in turn what became of it: it was left out, kept as it is, or
// kept as one of a share, the first of those that the note names, the second, and so on.
// The verdicts stand as how many spans in a row have which.
const (
	codeOut  = 0
	codeKeep = 1
	codeOf   = 2
)

// note is being written.
type note struct {
	thresholds []sampling.Threshold
	runs       []byte
	code, many uint64
	some       bool // there is something to say
}

func (n *note) add(v tail.Verdict) {
	code := uint64(codeOut)
	switch {
	case v.Keep && v.Threshold == 0:
		code = codeKeep
	case v.Keep:
		code = codeOf + n.index(v.Threshold)
	}
	n.some = n.some || code != codeKeep
	if code != n.code {
		n.flush()
	}
	n.code = code
	n.many++
}

func (n *note) index(t sampling.Threshold) uint64 {
	for i, known := range n.thresholds { // a batch has those of some seconds
		if known == t {
			return uint64(i) //nolint:gosec // few
		}
	}
	n.thresholds = append(n.thresholds, t)
	return uint64(len(n.thresholds) - 1)
}

func (n *note) flush() {
	if n.many > 0 {
		n.runs = binary.AppendUvarint(binary.AppendUvarint(n.runs, n.code), n.many)
	}
	n.many = 0
}

// bytes is the note, nil where all is kept as it is.
func (n *note) bytes() []byte {
	if n.flush(); !n.some {
		return nil
	}
	b := binary.AppendUvarint(nil, uint64(len(n.thresholds)))
	for _, t := range n.thresholds {
		b = binary.LittleEndian.AppendUint64(b, uint64(t))
	}
	return append(b, n.runs...)
}

// noted gives the verdicts of a note one by one; keep where it ends, or makes no sense.
func noted(b []byte) func() tail.Verdict {
	var thresholds []sampling.Threshold
	n, size := binary.Uvarint(b)
	b = b[max(size, 0):]
	for ; n > 0 && len(b) >= 8; n-- {
		thresholds = append(thresholds, sampling.Threshold(binary.LittleEndian.Uint64(b)))
		b = b[8:]
	}
	var code, many uint64
	return func() tail.Verdict {
		for many == 0 {
			var c, m int
			code, c = binary.Uvarint(b)
			many, m = binary.Uvarint(b[max(c, 0):])
			if c <= 0 || m <= 0 {
				return tail.Verdict{Keep: true}
			}
			b = b[c+m:]
		}
		many--
		switch {
		case code == codeOut:
			return tail.Verdict{}
		case code >= codeOf && code-codeOf < uint64(len(thresholds)):
			return tail.Verdict{Keep: true, Threshold: thresholds[code-codeOf]}
		}
		return tail.Verdict{Keep: true}
	}
}
