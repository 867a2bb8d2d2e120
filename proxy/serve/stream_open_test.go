package serve

import (
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/emit"
)

// What a stream is told by before it has ended is what it is told by afterwards.
func TestOpenStreamsAreToldOnce(t *testing.T) {
	m := newMesh(t, meshConfig{}, greeter("db"))
	addr := m.fixed(t, Port{Service: "reviews", Protocol: mesh.TCP})
	c := dialTCP(t, addr)
	if _, err := c.Read(make([]byte, 1)); err != nil { // it is open from end to end
		t.Fatal(err)
	}
	out, in := m.records.opens(), m.sidecars[0].records.opens()
	if len(out) != 1 || len(in) != 1 {
		t.Fatalf("told of %d and %d open streams while one is open", len(out), len(in))
	}
	must(t, c.CloseWrite())
	discard(c)
	for i, ends := range []*records{m.records, m.sidecars[0].records} {
		open, end := [][]emit.Record{out, in}[i][0], ends.await(t, 0)
		if n := len(ends.opens()); n != 1 {
			t.Errorf("told %d times that the stream is open", n)
		}
		for _, r := range []*emit.Record{&open, &end} {
			if r.Direction != []emit.Direction{emit.Outbound, emit.Inbound}[i] || r.Protocol != "tcp" || !r.MTLS || r.GRPCStatus != -1 {
				t.Errorf("record %+v", r)
			}
		}
		if open.Peer != end.Peer || open.Route != end.Route || open.Flags != end.Flags || open.Status != end.Status {
			t.Errorf("opened as %+v, ended as %+v", open, end)
		}
	}
}
