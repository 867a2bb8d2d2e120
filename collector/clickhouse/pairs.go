package clickhouse

import "github.com/ClickHouse/clickhouse-go/v2/lib/column"

// Pair is a key with its value.
type Pair[V any] struct {
	Key   string
	Value V
}

// Pairs is a map column's value in the order of the batch: cheaper to fill from OTLP,
// which is a list too, than a Go map.
type Pairs[V any] []Pair[V]

var (
	_ column.IterableOrderedMap = (*Pairs[string])(nil)
	_ column.MapIterator        = (*pairIterator[string])(nil)
)

// Add appends a pair.
func (p *Pairs[V]) Add(key string, value V) { *p = append(*p, Pair[V]{key, value}) }

// Put appends a pair that the driver read. It ignores what has another type.
func (p *Pairs[V]) Put(key, value any) {
	k, ok := key.(string)
	v, is := value.(V)
	if ok && is {
		p.Add(k, v)
	}
}

// Iterator walks the pairs for the driver.
func (p *Pairs[V]) Iterator() column.MapIterator { return &pairIterator[V]{pairs: *p, at: -1} }

type pairIterator[V any] struct {
	pairs Pairs[V]
	at    int
}

func (i *pairIterator[V]) Next() bool { i.at++; return i.at < len(i.pairs) }
func (i *pairIterator[V]) Key() any   { return i.pairs[i.at].Key }
func (i *pairIterator[V]) Value() any { return i.pairs[i.at].Value }
