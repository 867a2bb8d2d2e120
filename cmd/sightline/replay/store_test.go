package replay

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/clickhouse/clickhousetest"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestMain(m *testing.M) {
	storetest.Child()
	goleak.VerifyTestMain(m)
}

// TestReplayOfTheStore reads rows as the sidecars' telemetry left them.
func TestReplayOfTheStore(t *testing.T) {
	store := clickhousetest.Open(t, storetest.Start(t))
	end := time.Now().UTC().Truncate(time.Second)
	out := func(n int, path string, took float64) clickhouse.LogRow {
		return clickhouse.LogRow{
			Time: end.Add(-time.Duration(n) * time.Second), TraceID: clickhouse.TraceID{15: byte(n)}, Access: true, Reporter: signal.Source,
			Workload: clickhouse.Workload{Service: "web", Namespace: "default", Version: "v1", Instance: "web-v1"},
			Hop: clickhouse.Hop{
				Peer: "reviews", PeerVersion: "v1", Route: "rest", Method: "GET", Path: path, Status: 200, GRPCStatus: -1, Protocol: "http/1.1",
			},
			Authority: "reviews", DurationMS: took, Tries: `[{"instance":"reviews-v1","ms":1,"status":200}]`,
		}
	}
	in := out(3, "/a", 1)
	in.Reporter, in.Workload, in.Authority, in.Route, in.Tries = signal.Destination, clickhouse.Workload{Service: "reviews", Version: "v1", Instance: "reviews-v1"}, "reviews", "", ""
	in.Peer, in.PeerIdentity = "web", "spiffe://mesh.local/ns/default/sa/web"
	stream := out(4, "", 1)
	stream.Method, stream.Protocol = "", "tcp"
	app := out(5, "/a", 1)
	app.Access = false
	rows := []clickhouse.LogRow{out(1, "/a", 50), out(2, "/b?secret=x", 500), in, stream, app, out(4000, "/a", 500)}
	if err := store.InsertLogs(t.Context(), "once", rows); err != nil {
		t.Fatal(err)
	}
	input := Input{
		Before: parse(t, rule+routes(toV1)), Instances: instances(),
		After: parse(t, rule+routes("{match: [{uri: {exact: /b}}], timeout: 100ms, route: [{destination: {host: reviews, subset: v1}}]}, "+toV1)+
			policy("{action: DENY, rules: [{from: [{source: {principals: ['*/sa/web']}}]}]}")),
	}
	w := signal.Window{Start: end.Add(-time.Hour), End: end.Add(time.Second)}
	got, err := New(input).Run(t.Context(), store, w, 0)
	if err != nil {
		t.Fatal(err)
	}
	trace := func(n int) []string { return []string{fmt.Sprintf("%032x", n)} }
	want := mesh.Replay{
		Start: w.Start, End: w.End, Requests: 3, Same: 1, Changed: 2,
		Changes: []mesh.ReplayChange{
			{
				What: mesh.ReplayRefused, Caller: "web", Service: "reviews", Was: "allowed", Becomes: "403: RBAC: access denied by policy default/p rule 0",
				Requests: 1, Traces: trace(3),
			},
			{
				What: mesh.ReplayTimedOut, Caller: "web", Service: "reviews", Route: "rest", Was: "timeout none", Becomes: "timeout 100ms",
				Requests: 1, Traces: trace(2),
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got, err = New(input).Run(t.Context(), store, w, 2)
	if err != nil || got.Requests != 2 || got.Partial == "" {
		t.Errorf("of 3 requests 2: %+v, %v; want the newest 2, and that it says so", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(input).Run(ctx, store, w, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// slow has more requests than there is time for.
type slow struct{}

func (slow) Recorded(ctx context.Context, _ signal.RecordedQuery, each func(*signal.Recorded) error) error {
	q := outbound(nil)
	for {
		if err := each(&q); err != nil {
			return err
		}
		<-ctx.Done()
	}
}

func TestReplayEndsWithItsTime(t *testing.T) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	got, err := New(Input{Instances: instances()}).Run(ctx, slow{}, signal.Window{}, 0)
	if err != nil || got.Requests != 1 || got.Partial == "" {
		t.Errorf("got %+v, %v; want what was done, and that it is not all", got, err)
	}
}

func TestMerge(t *testing.T) {
	at := func(n int64) time.Time { return time.Unix(n, 0) }
	c := mesh.ReplayChange{What: mesh.ReplayRouted, Caller: "web", Service: "reviews", Was: "a", Becomes: "b", Requests: 2, Traces: []string{"1", "2"}}
	d := c
	d.Requests, d.Traces = 5, []string{"2", "3", "4"}
	other := c
	other.Becomes = "c"
	got := Merge(
		Merge(mesh.Replay{}, mesh.Replay{Start: at(5), End: at(9), Requests: 4, Same: 2, Changed: 2, Changes: []mesh.ReplayChange{c}, NotRecorded: []string{"header x"}}),
		mesh.Replay{Start: at(1), End: at(5), Requests: 8, CannotTell: 1, Changed: 7, Changes: []mesh.ReplayChange{d, other}, NotRecorded: []string{"header x"}, Partial: "x"},
	)
	c.Requests, c.Traces = 7, []string{"1", "2", "3"}
	want := mesh.Replay{
		Start: at(1), End: at(9), Requests: 12, Same: 2, CannotTell: 1, Changed: 9,
		Changes: []mesh.ReplayChange{c, other}, NotRecorded: []string{"header x"}, Partial: "x",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
