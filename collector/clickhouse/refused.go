package clickhouse

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// RefusedError says that some rows of an insert will never be stored, and that the others are.
type RefusedError struct {
	Rows int
	Lost []int // where they stood in what was to be stored, ascending; of several inserts, nil
	err  error // of the first
}

// Error implements error.
func (r *RefusedError) Error() string {
	return fmt.Sprintf("%d rows are refused, of the first: %s", r.Rows, r.err)
}

// Unwrap is why the first is.
func (r *RefusedError) Unwrap() error { return r.err }

// losses gathers what is lost of a request whose rows go to several tables.
type losses struct {
	lost  map[int]bool // by where it stood in the request
	first error
}

// of takes note of what one table refused, and gives back any other error. Places says where
// in the request the rows come from.
func (l *losses) of(err error, places func(rows []int) []int) error {
	refused, ok := errors.AsType[*RefusedError](err)
	if !ok {
		return err
	}
	if l.lost == nil {
		l.lost = map[int]bool{}
	}
	for _, place := range places(refused.Lost) {
		l.lost[place] = true
	}
	l.first = cmp.Or(l.first, refused.err)
	return nil
}

// err is a *RefusedError where anything is lost.
func (l *losses) err() error {
	if len(l.lost) == 0 {
		return nil
	}
	return &RefusedError{Rows: len(l.lost), Lost: slices.Sorted(maps.Keys(l.lost)), err: l.first}
}
