package exporter

import (
	"context"
	"hash/maphash"
	"sync"

	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
)

// keptBytes bounds the requests that a queue keeps decoded, by their size on disk; in
// memory they are about four times as large.
const keptBytes = 16 << 20

// encoding is how a queue writes a request and reads it again. Most are read soon after
// they were written, by the process that wrote them: it keeps them as they were, so that
// they need not be decoded a second time. Beyond most bytes, as when the store is away,
// it keeps no more, and they are read from disk.
type encoding struct {
	exporterhelper.QueueBatchEncoding[xexporterhelper.Request]

	hold func(xexporterhelper.Request) // against the receiver's letting go
	most int
	seed maphash.Seed

	mu   sync.Mutex
	size int
	kept map[written]xexporterhelper.Request
}

// written names an encoded request by its content.
type written struct {
	hash uint64
	size int
}

func newEncoding(of xexporterhelper.QueueBatchSettings, most int) *encoding {
	return &encoding{
		QueueBatchEncoding: of.Encoding, hold: of.ReferenceCounter.Ref,
		most: most, seed: maphash.MakeSeed(), kept: map[written]xexporterhelper.Request{},
	}
}

// Marshal encodes a request, which nobody may change from now on but who reads it.
func (e *encoding) Marshal(ctx context.Context, r xexporterhelper.Request) ([]byte, error) {
	b, err := e.QueueBatchEncoding.Marshal(ctx, r)
	if err != nil {
		return nil, err
	}
	w := e.name(b)
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, twice := e.kept[w]; !twice && e.size+w.size <= e.most {
		e.hold(r) // until the queue has read it and lets go
		e.kept[w] = r
		e.size += w.size
	}
	return b, nil
}

// Unmarshal gives a request back, once.
func (e *encoding) Unmarshal(b []byte) (context.Context, xexporterhelper.Request, error) {
	w := e.name(b)
	e.mu.Lock()
	r, ok := e.kept[w]
	if ok {
		delete(e.kept, w)
		e.size -= w.size
	}
	e.mu.Unlock()
	if ok {
		return context.Background(), r, nil
	}
	return e.QueueBatchEncoding.Unmarshal(b)
}

func (e *encoding) name(b []byte) written { return written{maphash.Bytes(e.seed, b), len(b)} }
