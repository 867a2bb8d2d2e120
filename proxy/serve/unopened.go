package serve

import (
	"errors"
	"fmt"
	"time"

	"github.com/sightline-mesh/sightline/proxy/http2"
	"github.com/sightline-mesh/sightline/proxy/pool"
	"github.com/sightline-mesh/sightline/proxy/retry"
)

// unopened says what it means that a try found no connection to begin on. When the time
// of the route is over it is that, whatever is said of the connection; but only one that
// was dialled in vain speaks against the instance.
func unopened(x *exchange, err error) error {
	limited := errors.Is(err, pool.ErrOverflow) || errors.Is(err, http2.ErrOverflow)
	late := !x.deadline.IsZero() && !time.Now().Before(x.deadline)
	switch {
	case x.ctx.Err() != nil:
		return errClientGone
	case late && isQueued(err):
		return fmt.Errorf("%w, %w", errTimeoutAfter(x), errQueued)
	case late && !limited:
		return fmt.Errorf("%w, connecting", errTimeoutAfter(x))
	}
	return unconnectedBy(err)
}

// unconnectedBy is unopened where only the time of one try can be over: a limit of our
// own, or no connection.
func unconnectedBy(err error) *broken {
	if isQueued(err) || errors.Is(err, pool.ErrOverflow) || errors.Is(err, http2.ErrOverflow) {
		return &broken{end: retry.Withheld, cause: err}
	}
	return &broken{end: retry.ConnectFailed, cause: fmt.Errorf("connect: %w", err)}
}

func isQueued(err error) bool {
	return errors.Is(err, pool.ErrQueued) || errors.Is(err, http2.ErrQueued)
}

func isClosed(err error) bool {
	return err != nil && (errors.Is(err, pool.ErrClosed) || errors.Is(err, http2.ErrClosed))
}
