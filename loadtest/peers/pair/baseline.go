package pair

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sightline-mesh/sightline/loadtest/peers/baseline"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// ReverseProxy is what Go's standard library makes of a sidecar. Path is the program
// that plays baseline.RoleReverseProxy.
var ReverseProxy = Kind{Name: "net/http", logged: true, start: startBaseline(baseline.RoleReverseProxy)}

// Splice passes the bytes of each connection over TLS without looking at them: what
// mutual TLS costs in Go, and no less.
var Splice = Kind{Name: "splice", start: startBaseline(baseline.RoleSplice)}

func startBaseline(role string) func(context.Context, Peer, side) (*proc.Process, error) {
	return func(ctx context.Context, p Peer, s side) (*proc.Process, error) {
		arg, err := json.Marshal(baseline.Side{
			Listen: s.Listen, Next: s.Next, Inner: s.Inner, Log: s.accessLog(),
			Certificate: s.Own.Certificate, Key: s.Own.Key, Root: s.Root, Peer: s.Peer,
		})
		if err != nil {
			return nil, fmt.Errorf("describe side: %w", err)
		}
		return proc.Start(ctx, proc.Command{Path: p.Path, Args: []string{role, string(arg)}, Env: environment(), Log: p.Log})
	}
}
