package push

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/sightline-mesh/sightline/controlplane/endpoint"
	"github.com/sightline-mesh/sightline/controlplane/wire/wireconnect"
)

// pace is how soon a control plane is given up, and how soon the next is asked.
type pace struct {
	dial, handshake time.Duration
	pingAfter       time.Duration // without a word from the other side
	ping            time.Duration // for the answer
	push            time.Duration // for the first push of a stream; 0 is any time
	again           time.Duration // at most, until the first try to get a stream again
}

// The only control plane there is is waited for: there is nothing better to do. Where
// there are others, one that is silent is left in little more than a second, and the
// sidecars that leave it arrive at the others over some tenths of a second.
var (
	alone   = pace{dial: 5 * time.Second, handshake: 10 * time.Second, pingAfter: 5 * time.Second, ping: 5 * time.Second, again: 100 * time.Millisecond}
	several = pace{
		dial: time.Second, handshake: 2 * time.Second, pingAfter: 500 * time.Millisecond, ping: 700 * time.Millisecond,
		push: 3 * time.Second, again: 400 * time.Millisecond,
	}
)

// planes are the control planes, of which one is spoken to at a time.
type planes struct {
	*endpoint.List

	pace      pace
	tls       *tls.Config
	protocols http.Protocols
}

func newPlanes(c Config) *planes {
	list, err := endpoint.New(c.ControlPlane)
	if err != nil {
		list = endpoint.Of(c.ControlPlane) // to dial it says what is wrong with it
	}
	p := &planes{List: list, pace: alone, tls: c.TLS}
	if p.Len() > 1 {
		p.pace = several
	}
	p.protocols.SetHTTP2(true)
	return p
}

// to makes a client of one of them whose connection is its own, made with the certificate
// of the moment. It leaves nothing behind once idle was called.
func (p *planes) to(address string) (rpc wireconnect.ControlPlaneClient, idle func()) {
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: p.pace.dial}).DialContext,
		TLSClientConfig:     p.tls,
		TLSHandshakeTimeout: p.pace.handshake,
		Protocols:           &p.protocols,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: p.pace.pingAfter, PingTimeout: p.pace.ping},
	}
	return wireconnect.NewControlPlaneClient(&http.Client{Transport: transport}, "https://"+address,
			connect.WithAcceptCompression("gzip", nil, nil)), // the control plane encodes once for all
		transport.CloseIdleConnections
}

// rest is how long to wait at most after so many failures in a row: the same for every
// control plane there is, then twice that, and so on.
func (p *planes) rest(failures int) time.Duration {
	return min(p.pace.again<<min(failures/p.Len(), 10), backoffCeiling)
}

// silence ends a stream that no push comes on, as its control plane is away from its
// store, if there is another control plane to ask. The timer is for the caller to stop.
func (p *planes) silence(end context.CancelFunc) *time.Timer {
	if p.pace.push == 0 {
		return time.AfterFunc(time.Hour, func() {})
	}
	return time.AfterFunc(p.pace.push, end)
}
