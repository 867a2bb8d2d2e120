package wire

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// fuzz decodes what a stranger sent as a message, which must not hurt; what is decoded
// must be the same once it has gone over the wire again.
func fuzz[M any, P interface {
	*M
	proto.Message
}, V any](f *testing.F, seed P, to func(P) V, from func(V) P) {
	f.Helper()
	raw, err := proto.Marshal(seed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		m := P(new(M))
		if proto.Unmarshal(in, m) != nil {
			return
		}
		once := to(m)
		raw, err := proto.Marshal(from(once))
		if err != nil {
			t.Fatalf("%+v cannot be encoded: %v", once, err)
		}
		again := P(new(M))
		if err := proto.Unmarshal(raw, again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(once, to(again), cmpopts.EquateNaNs(), cmpopts.EquateEmpty(), addresses); diff != "" {
			t.Error(diff)
		}
	})
}

var addresses = cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })

func FuzzToInbound(f *testing.F) {
	fuzz(f, FromInbound(fullInbound()), ToInbound, FromInbound)
}

func FuzzToTaps(f *testing.F) {
	fuzz(f, FromTaps([]mesh.Tap{{ID: "1", Direction: "inbound", Peer: "web", Status: "5xx", PerSecond: 7}}), ToTaps, FromTaps)
}

func FuzzToTapBatch(f *testing.F) {
	fuzz(f, FromTapBatch(mesh.TapBatch{
		Requests: []mesh.Tapped{{Taps: []string{"1"}, Time: time.Unix(1, 2), Took: time.Second, Request: []mesh.Header{{Name: "a", Value: "b"}}}},
		Limited:  map[string]uint64{"1": 4},
	}), ToTapBatch, FromTapBatch)
}

func FuzzToInstance(f *testing.F) {
	fuzz(f, FromInstance(full().Instances[0]), func(i *Instance) mesh.Instance {
		out, err := ToInstance(i)
		if err != nil {
			return mesh.Instance{}
		}
		return out
	}, FromInstance)
}
