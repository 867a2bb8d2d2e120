package proxy

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/health"
	"github.com/sightline-mesh/sightline/proxy/upstream"
)

// checks asks instances whether they are well, over the mesh's own mutual TLS.
type checks struct {
	set  *upstream.Set
	dial func(ctx context.Context, to *upstream.Instance, alpn string) (net.Conn, error)
	h1   *http.Transport
	h2   *http.Transport
}

// newChecks makes what asks; Run starts it.
func newChecks(set *upstream.Set, dial func(context.Context, *upstream.Instance, string) (net.Conn, error)) *checks {
	c := &checks{set: set, dial: dial}
	c.h1, c.h2 = c.transport("http/1.1"), c.transport("h2")
	c.h2.Protocols = new(http.Protocols)
	c.h2.Protocols.SetUnencryptedHTTP2(true) // the connection below is encrypted
	return c
}

// asked is the key of the instance in a question's context.
type asked struct{}

// Run asks until ctx ends.
func (c *checks) Run(ctx context.Context) error {
	defer c.h1.CloseIdleConnections()
	defer c.h2.CloseIdleConnections()
	return health.New(health.Deps[*upstream.Instance]{
		Targets: c.targets,
		Ask:     c.ask,
		Tell: func(i *upstream.Instance, r health.Report) {
			c.set.SetHealth(i, upstream.Health{Well: r.Well, Why: r.Why, Since: r.Since, Checked: r.Checked})
		},
	}).Run(ctx)
}

func (c *checks) targets() []health.Target[*upstream.Instance] {
	var out []health.Target[*upstream.Instance]
	now := time.Now()
	for _, one := range c.set.Checks() {
		k := one.Check
		out = append(out, health.Target[*upstream.Instance]{
			Key: one.Instance, Unused: one.Instance.Idle(now) > k.Interval,
			Plan: health.Plan{
				Interval: k.Interval, Idle: k.NoTrafficInterval, Timeout: k.Timeout, Healthy: k.Healthy, Unhealthy: k.Unhealthy,
			},
		})
	}
	return out
}

func (c *checks) ask(ctx context.Context, i *upstream.Instance) error {
	check := i.HealthCheck()
	ctx = context.WithValue(ctx, asked{}, i)
	switch {
	case check == nil: // the policy has just changed
		return nil
	case check.HTTP != nil:
		return c.askHTTP(ctx, i, check.HTTP)
	case check.GRPC != nil:
		return c.askGRPC(ctx, i, check.GRPC)
	}
	nc, err := c.dial(ctx, i, "http/1.1")
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return nc.Close()
}

func (c *checks) askHTTP(ctx context.Context, i *upstream.Instance, check *mesh.HTTPCheck) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+i.At().String()+check.Path, nil)
	if err != nil {
		return err
	}
	r.Host = check.Host
	r.Header.Set("User-Agent", "sightline-health")
	res, err := c.h1.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("GET %s: %w", check.Path, err)
	}
	defer res.Body.Close()
	io.CopyN(io.Discard, res.Body, 64<<10) //nolint:errcheck // only so that the connection can be kept
	if hasNoRoom(res) {
		return nil
	}
	for _, s := range check.Statuses {
		if s.From <= res.StatusCode && res.StatusCode <= s.To {
			return nil
		}
	}
	return fmt.Errorf("GET %s: status %d: %w", check.Path, res.StatusCode, health.ErrUnwell)
}

// hasNoRoom reports whether the instance's sidecar has refused the question because of a
// limit, which says nothing of the app.
func hasNoRoom(res *http.Response) bool { return res.Header.Get("X-Sightline-Flags") == "UO" }

// serving is the status in a HealthCheckResponse that a server gives when it is well.
const serving = 1

// askGRPC calls grpc.health.v1.Health/Check.
func (c *checks) askGRPC(ctx context.Context, i *upstream.Instance, check *mesh.GRPCCheck) error {
	var message []byte
	if check.Service != "" {
		message = protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), check.Service)
	}
	body := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+i.At().String()+"/grpc.health.v1.Health/Check", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Host = string(i.Info.Service)
	r.Header = http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}, "User-Agent": {"sightline-health"}}
	res, err := c.h2.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("Health/Check: %w", err)
	}
	defer res.Body.Close()
	if hasNoRoom(res) {
		return nil
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("Health/Check: %w", err)
	}
	status := res.Trailer.Get("Grpc-Status")
	if status == "" {
		status = res.Header.Get("Grpc-Status")
	}
	if res.StatusCode != http.StatusOK || status != "0" {
		return fmt.Errorf("Health/Check: status %d, gRPC %q: %w", res.StatusCode, status, health.ErrUnwell)
	}
	if got := servingStatus(answer); got != serving {
		return fmt.Errorf("Health/Check: not serving (%d): %w", got, health.ErrUnwell)
	}
	return nil
}

// servingStatus reads field 1 of the one message in a body; 0 is unknown.
func servingStatus(body []byte) uint64 {
	if len(body) < 5 || body[0] != 0 || uint64(len(body)-5) < uint64(binary.BigEndian.Uint32(body[1:])) {
		return 0
	}
	for b := body[5:]; len(b) > 0; {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return 0
		}
		b = b[n:]
		if field == 1 && kind == protowire.VarintType {
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return 0
			}
			return v
		}
		if n = protowire.ConsumeFieldValue(field, kind, b); n < 0 {
			return 0
		}
		b = b[n:]
	}
	return 0
}

func (c *checks) transport(alpn string) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, connectTime) // the question's own does not hold here
			defer cancel()
			return c.dial(ctx, ctx.Value(asked{}).(*upstream.Instance), alpn)
		},
		DisableCompression: true, MaxIdleConnsPerHost: 1, IdleConnTimeout: 2 * time.Minute, MaxResponseHeaderBytes: 64 << 10,
	}
}
