package queue

import (
	"cmp"
	"slices"

	"go.uber.org/zap"

	"github.com/sightline-mesh/sightline/collector/queue/cuts"
	"github.com/sightline-mesh/sightline/collector/queue/former"
	"github.com/sightline-mesh/sightline/collector/queue/segments"
)

// load opens the files and takes up what an earlier process left.
func (q *Queue[T]) load() error {
	log, records, err := segments.Open(q.cfg.Directory, segments.Config{})
	if err != nil {
		return err
	}
	q.log = log
	if q.cuts, err = cuts.Open(q.cfg.Directory); err != nil {
		return err
	}
	q.warn(log.Damaged(), len(records))
	all := make([]entry[T], 0, len(records))
	for _, r := range records {
		all = append(all, entry[T]{Record: r})
	}
	earlier, err := q.adopt(records)
	if err != nil {
		return err
	}
	all = append(all, earlier...)
	slices.SortFunc(all, func(a, b entry[T]) int { return cmp.Compare(a.Number, b.Number) })
	q.sort(all)
	log.Skip(max(q.cuts.Next(), q.cuts.Former().To))
	if q.deps.Sieve != nil {
		q.note()
	}
	q.deps.Books.Received(q.items)
	return nil
}

// warn says what a start finds amiss.
func (q *Queue[T]) warn(damaged int64, records int) {
	if damaged > 0 {
		q.deps.Log.Warn("a part of a queue cannot be read: what a crash cut off, or lost telemetry",
			zap.String("queue", q.cfg.Directory), zap.Int64("bytes", damaged))
	}
	if q.cuts.New() && records > 0 {
		q.deps.Log.Warn("what of a queue was sent is not known, and some may be stored twice", zap.String("queue", q.cfg.Directory))
	}
}

// sort puts entries, which are in order, where they belong: to a batch that was being sent,
// or to what waits. The rest is done with.
func (q *Queue[T]) sort(all []entry[T]) {
	open := q.cuts.Open()
	for _, c := range open {
		q.left = append(q.left, &batch[T]{Cut: c})
	}
	next := q.cuts.Next()
	for _, e := range all {
		at, found := slices.BinarySearchFunc(open, e.Number, func(c cuts.Cut, n uint64) int {
			switch {
			case c.To <= n:
				return -1
			case c.From > n:
				return 1
			}
			return 0
		})
		switch {
		case found:
			q.left[at].entries = append(q.left[at].entries, e)
		case e.Number >= next:
			q.push(e)
		default:
			continue
		}
		q.items += e.Items
	}
}

// note tells the sieve of all that is queued, in order.
func (q *Queue[T]) note() {
	tell := func(entries []entry[T]) {
		for _, e := range entries {
			if request, err := q.read(e); err == nil { // else its batch tells
				q.deps.Sieve.Note(request, e.Arrival)
			}
		}
	}
	for _, b := range q.left {
		tell(b.entries)
	}
	tell(q.waiting)
}

// adopt finds the requests that an earlier version left beside this one's records. What it
// was sending keeps its names, unless there are records before it that are not cut yet, as
// where that version ran in between.
func (q *Queue[T]) adopt(records []segments.Record) ([]entry[T], error) {
	source, err := former.Open(former.Config{
		Journal: q.cfg.Directory, InFlight: q.cfg.Former.InFlight, Bolt: q.cfg.Former.Bolt,
	})
	if err != nil {
		return nil, err
	}
	known := q.cuts.Former()
	if source == nil {
		if known != (cuts.Range{}) {
			q.told("forget the earlier version's queue", q.cuts.SetFormer(cuts.Range{}, nil))
		}
		return nil, nil
	}
	q.former = source
	if source.Damaged() > 0 {
		q.deps.Log.Warn("a part of an earlier version's queue cannot be read", zap.String("queue", q.cfg.Directory))
	}
	n := uint64(source.Len())
	if known.To-known.From != n || n == 0 {
		from := max(q.log.Next(), q.cuts.Next())
		known = cuts.Range{From: from, To: from + n}
		names := source.Names()
		if len(records) > 0 && records[len(records)-1].Number >= q.cuts.Next() {
			names = nil
		}
		q.told("remember the earlier version's queue", q.cuts.SetFormer(known, names))
	}
	q.forget(q.cuts.Done())
	return q.earlier(source, known), nil
}

// earlier are the entries of an earlier version's requests that are not done with. Of one
// that cannot be read its batch tells.
func (q *Queue[T]) earlier(source *former.Source, in cuts.Range) []entry[T] {
	var all []entry[T]
	for n := max(in.From, q.cuts.Done()); n < in.To; n++ {
		e := entry[T]{Record: segments.Record{Number: n}}
		if content, err := source.Read(int(n - in.From)); err == nil {
			e.Size = len(content)
			if request, err := q.form.Decode(content); err == nil {
				e.Items = q.form.Items(request)
			}
		}
		all = append(all, e)
	}
	return all
}

// forget removes what an earlier version left where all of it is done with.
func (q *Queue[T]) forget(done uint64) {
	q.mu.Lock()
	source := q.former
	if source == nil || q.cuts.Former().To > done {
		q.mu.Unlock()
		return
	}
	q.former = nil
	q.mu.Unlock()
	if err := source.Remove(); err != nil {
		q.told("remove the earlier version's queue", err)
		return
	}
	q.told("forget the earlier version's queue", q.cuts.SetFormer(cuts.Range{}, nil))
}
