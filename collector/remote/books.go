package remote

import "sync/atomic"

// Accounting is what became of what remote write brought.
type Accounting struct {
	Samples, Histograms, Exemplars uint64 // stored
	Refused                        uint64 // samples and exemplars that were wrong
	Requests, Failed               uint64 // Failed are those of which nothing was stored
}

type books struct {
	samples, histograms, exemplars, refused, requests, failed atomic.Uint64
}

func (k *books) add(b *batch, err error) {
	k.requests.Add(1)
	if b == nil {
		if err != nil {
			k.failed.Add(1)
		}
		return
	}
	k.samples.Add(uint64(b.values))
	k.histograms.Add(uint64(b.histograms))
	k.exemplars.Add(uint64(b.marks))
	k.refused.Add(uint64(b.refused))
}

// Accounting tells what became of what has been sent.
func (h *Writer) Accounting() Accounting {
	k := &h.books
	return Accounting{
		Samples: k.samples.Load(), Histograms: k.histograms.Load(), Exemplars: k.exemplars.Load(),
		Refused: k.refused.Load(), Requests: k.requests.Load(), Failed: k.failed.Load(),
	}
}
