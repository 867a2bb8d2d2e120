package serve

import (
	"fmt"
	"net/http"
	"time"

	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/normalize"
)

// Intake is what requests have to be like, whichever side they come from. The zero
// value has the defaults.
type Intake struct {
	// Paths is how much is done to a path before anything looks at it.
	Paths normalize.Mode
	// Pushed, if not nil, says so instead, from request to request.
	Pushed *normalize.Setting
	// MaxHead is how many bytes the head of a request may have. 0 is 64 KiB, which is the
	// most.
	MaxHead int
	// MaxBody is how many bytes the body of a request may have. 0 is no bound.
	MaxBody uint64
	// Idle is how long a request and its answer may move no byte; HTTP/1.1 allows up to a
	// quarter more. 0 is no bound, as in Istio and Linkerd: keep-alives of TCP, and pings
	// of HTTP/2, find peers that are dead. What shows itself to be a stream is never
	// bounded: gRPC, text/event-stream, and what a connection was upgraded to.
	Idle time.Duration
}

// PathMode is how much is done to the path of a request that comes now.
func (in *Intake) PathMode() normalize.Mode {
	if in.Pushed != nil {
		return in.Pushed.Mode()
	}
	return in.Paths
}

// admit holds a request against what it has to be like, and gives it its path. A body
// of unknown length counts as empty here.
func (in *Intake) admit(x *exchange, head int, body uint64) {
	if in.MaxHead > 0 && head > in.MaxHead {
		x.malformed = &http1.Error{
			Status: http.StatusRequestHeaderFieldsTooLarge, Reason: fmt.Sprintf("head of the request is larger than %d bytes", in.MaxHead),
		}
		return
	}
	if in.tooLong(body) {
		x.malformed = in.errTooLong()
		return
	}
	path, err := normalize.Path(in.PathMode(), x.ask.Path)
	switch {
	case err != nil:
		x.malformed = &http1.Error{Status: http.StatusBadRequest, Reason: err.Error()}
	case path != x.ask.Path:
		x.change().path = path
		x.ask.Path, x.rec.Path = path, path
	}
}

func (in *Intake) tooLong(body uint64) bool { return in.MaxBody > 0 && body > in.MaxBody }

func (in *Intake) errTooLong() error {
	return &http1.Error{
		Status: http.StatusRequestEntityTooLarge, Reason: fmt.Sprintf("body of the request is larger than %d bytes", in.MaxBody),
	}
}
