package serve

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// relearn is how long an app that did not speak HTTP/2 is taken for one that does not.
const relearn = 5 * time.Minute

// errNeedsHTTP2 is a request that HTTP/1.1 cannot carry.
var errNeedsHTTP2 = errors.New("app does not speak HTTP/2, which gRPC needs")

// spoken is which protocols the other end of a link speaks: what was said of it
// (--app-protocol), else what it was seen to do. Other sidecars speak both.
type spoken struct {
	said    mesh.AppProtocol
	http2   atomic.Bool  // it was seen to speak HTTP/2
	refused atomic.Int64 // when it last showed that it does not, in Unix nanoseconds; 0 is never
}

// onlyHTTP1 reports whether requests of HTTP/2 have to be translated.
func (s *spoken) onlyHTTP1() bool {
	if s.said != "" {
		return s.said == mesh.HTTP
	}
	at := s.refused.Load()
	return at != 0 && time.Since(time.Unix(0, at)) < relearn
}

// onlyHTTP2 reports whether requests of HTTP/1.1 have to be translated.
func (s *spoken) onlyHTTP2() bool { return s.said == mesh.HTTP2 || s.said == mesh.GRPC }

func (s *spoken) refusedHTTP2() { s.refused.Store(time.Now().UnixNano()) }

func (s *spoken) spokeHTTP2() {
	if !s.http2.Load() {
		s.http2.Store(true)
	}
}

// mayNot reports whether an app that hung up on HTTP/2 may not speak it, so that
// HTTP/1.1 is worth a try.
func (s *spoken) mayNot() bool { return s.said == "" && !s.http2.Load() }
