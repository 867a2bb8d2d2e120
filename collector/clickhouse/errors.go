package clickhouse

import (
	"context"
	"errors"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// ErrNotFound says that there is nothing under the id that was asked for.
var ErrNotFound = errors.New("not found")

// ErrBadQuery says that a question has a malformed part, such as a trace id that is
// not 32 hex digits. Its text names the part.
var ErrBadQuery = errors.New("bad query")

// ErrBudget says that a question would cost more time, memory or rows than a question may.
var ErrBudget = errors.New(errBudgetText)

const errBudgetText = "the question costs more than one may"

// overBudget reports whether the engine or the clock ended a question for its cost; ctx
// is the question's, with its deadline.
func overBudget(ctx context.Context, err error) bool {
	const (
		tooManyRows     = 158
		timeoutExceeded = 159
		memoryLimit     = 241
		tooManyBytes    = 307
	)
	if err == nil {
		return false
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return true
	}
	exception, ok := errors.AsType[*clickhouse.Exception](err)
	return ok && slices.Contains([]int32{tooManyRows, timeoutExceeded, memoryLimit, tooManyBytes}, exception.Code)
}

var (
	errSchema = errors.New("schema mismatch")
	errBadRow = errors.New("value does not fit")
)

// Permanent reports whether an insert that failed with err would fail again however
// often it is tried, because the rows themselves are at fault.
func Permanent(err error) bool {
	if errors.Is(err, errBadRow) {
		return true
	}
	exception, ok := errors.AsType[*clickhouse.Exception](err)
	return ok && slices.Contains(faultsOfData(), exception.Code)
}

// faultsOfData are ClickHouse's error codes that blame the rows. A missing table or
// database is not among them: a migration may still come.
func faultsOfData() []int32 {
	const (
		cannotParseText    = 6
		cannotReadAll      = 33
		typeMismatch       = 53
		cannotConvert      = 70
		argumentOutOfBound = 69
		incorrectData      = 117
		unknownElement     = 691
	)
	return []int32{cannotParseText, cannotReadAll, typeMismatch, cannotConvert, argumentOutOfBound, incorrectData, unknownElement}
}
