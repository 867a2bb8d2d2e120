package wire

import (
	"net/netip"
	"reflect"
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
}, V any](f *testing.F, to func(P) V, from func(V) P, seeds ...P) {
	f.Helper()
	for _, seed := range append(seeds, P(new(M))) {
		raw, err := proto.Marshal(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
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
		if twice := to(again); !reflect.DeepEqual(once, twice) { // which is quick, and says no of NaN
			if diff := cmp.Diff(once, twice, cmpopts.EquateNaNs(), cmpopts.EquateEmpty(), addresses); diff != "" {
				t.Error(diff)
			}
		}
	})
}

var addresses = cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })

func FuzzToInbound(f *testing.F) {
	fuzz(f, ToInbound, FromInbound, FromInbound(fullInbound()))
}

func FuzzToTaps(f *testing.F) {
	fuzz(f, ToTaps, FromTaps, FromTaps([]mesh.Tap{{ID: "1", Direction: "inbound", Peer: "web", Status: "5xx", PerSecond: 7}}))
}

func FuzzToTapBatch(f *testing.F) {
	fuzz(f, ToTapBatch, FromTapBatch, FromTapBatch(mesh.TapBatch{
		Requests: []mesh.Tapped{{Taps: []string{"1"}, Time: time.Unix(1, 2), Took: time.Second, Request: []mesh.Header{{Name: "a", Value: "b"}}}},
		Limited:  map[string]uint64{"1": 4},
	}))
}

func FuzzToInstance(f *testing.F) {
	fuzz(f, func(i *Instance) mesh.Instance {
		out, err := ToInstance(i)
		if err != nil {
			return mesh.Instance{}
		}
		return out
	}, FromInstance, FromInstance(full().Instances[0]))
}

// FuzzToRoute and FuzzToPolicy are the large parts of a snapshot by themselves: what is
// small is changed, and looked at, hundreds of times as often.
func FuzzToRoute(f *testing.F) {
	all := fullRoute()
	fuzz(f, toRoute, fromRoute, fromRoute(mesh.Route{Name: "a", Matches: all.Matches}),
		fromRoute(mesh.Route{Destinations: all.Destinations, Retry: all.Retry}),
		fromRoute(mesh.Route{Rewrite: all.Rewrite, Redirect: all.Redirect, Respond: all.Respond}),
		fromRoute(mesh.Route{CORS: all.CORS, Fault: all.Fault, Mirrors: all.Mirrors}))
}

func FuzzToPolicy(f *testing.F) {
	all := full().Policy
	fuzz(f, toPolicy, fromPolicy, fromPolicy(mesh.Policy{Hash: all.Hash, Warmup: all.Warmup, Locality: all.Locality}),
		fromPolicy(mesh.Policy{Outlier: all.Outlier, Limits: all.Limits}),
		fromPolicy(mesh.Policy{MTLS: all.MTLS, TLS: all.TLS, RetryBudget: all.RetryBudget, HealthCheck: all.HealthCheck}))
}

func FuzzToSnapshot(f *testing.F) {
	all := full()
	fuzz(f, func(m *Snapshot) mesh.Snapshot {
		s, err := ToSnapshot(m)
		if err != nil {
			return mesh.Snapshot{Service: "refused"}
		}
		return s
	}, FromSnapshot, FromSnapshot(mesh.Snapshot{Service: "a", Known: true, Hedge: all.Hedge, Streams: all.Streams, Ports: all.Ports}),
		FromSnapshot(mesh.Snapshot{Service: "a", Version: 1, Instances: all.Instances}),
		FromSnapshot(mesh.Snapshot{Service: "a", Version: 1, Verdicts: all.Verdicts, Subsets: []mesh.Subset{{Name: "b"}}}))
}
