package push

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/wire/previous"
)

type elderStream = connect.BidiStream[dynamicpb.Message, dynamicpb.Message]

// elder is a control plane of the previous minor version: all that it says and hears is
// of the schema of then.
func elder(t *testing.T, serve func(m protoreflect.MethodDescriptor, st *elderStream) error) *httptest.Server {
	t.Helper()
	file, err := previous.File()
	if err != nil {
		t.Fatal(err)
	}
	m, err := previous.Method(file, "Subscribe")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(previous.Procedure(m), connect.NewBidiStreamHandler(previous.Procedure(m),
		func(_ context.Context, st *elderStream) error { return serve(m, st) },
		connect.WithSchema(m), connect.WithRequestInitializer(previous.Initialize)))
	server := httptest.NewUnstartedServer(mux)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// TestPreviousControlPlane feeds a sidecar: where sidecars are upgraded first.
func TestPreviousControlPlane(t *testing.T) {
	t.Parallel()
	said := make(chan string, 100)
	server := elder(t, func(m protoreflect.MethodDescriptor, st *elderStream) error {
		push := dynamicpb.NewMessage(m.Output())
		if err := protojson.Unmarshal([]byte(`{
			"sequence": 1, "version": 7, "services": ["reviews"], "inbound": {"version": 7},
			"snapshots": [{"service": "reviews", "version": 7, "known": true, "instances": [{"id": "reviews-1", "address": "10.0.0.1:80", "state": "ready"}]}]
		}`), push); err != nil {
			return err
		}
		if err := st.Send(push); err != nil {
			return err
		}
		for {
			m, err := st.Receive()
			if err != nil {
				return nil // it hangs up at the test's end
			}
			for f, v := range m.Range {
				text, err := protojson.Marshal(v.Message().Interface())
				if err != nil {
					return err
				}
				said <- string(f.Name())
				if f.Name() == "ack" || f.Name() == "want" {
					said <- string(text)
				}
			}
		}
	})
	sets, enforced := make(chan []mesh.Snapshot, 10), make(chan mesh.Inbound, 10)
	c := New(Config{
		ControlPlane: server.Listener.Addr().String(),
		TLS:          server.Client().Transport.(*http.Transport).TLSClientConfig,
		Instance:     mesh.Instance{ID: "web-1", Address: netip.MustParseAddrPort("127.0.0.1:1"), State: mesh.Ready},
		Inbound:      func(in mesh.Inbound) error { enforced <- in; return nil },
	}, func(s []mesh.Snapshot) error { sets <- s; return nil })
	c.Subscribe("reviews")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	set := take(t, "set", sets)
	if len(set) != 1 || len(set[0].Instances) != 1 || set[0].Instances[0].ID != "reviews-1" {
		t.Errorf("set is %+v, want reviews with its instance", set)
	}
	if in := take(t, "inbound", enforced); in.Version != 7 {
		t.Errorf("enforces version %d, want 7", in.Version)
	}
	heard := map[string]bool{}
	for !heard["ack"] {
		heard[take(t, "word", said)] = true
	}
	ack := ackOf(t, take(t, "ack", said))
	if !heard["hello"] || ack["sequence"] != "1" || ack["accepted"] != true {
		t.Errorf("an old control plane heard %v and the ack %v", heard, ack)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func ackOf(t *testing.T, text string) (ack map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &ack); err != nil {
		t.Fatal(err)
	}
	return ack
}
