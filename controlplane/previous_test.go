package controlplane

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/wire/previous"
)

// elder is a sidecar of the previous minor version: all that it says and hears is of the
// schema of then.
type elder struct {
	t      *testing.T
	method protoreflect.MethodDescriptor
	stream *connect.BidiStreamForClient[dynamicpb.Message, dynamicpb.Message]
}

func newElder(t *testing.T, p *plant, source *identity.Source) *elder {
	t.Helper()
	file, err := previous.File()
	if err != nil {
		t.Fatal(err)
	}
	m, err := previous.Method(file, "Subscribe")
	if err != nil {
		t.Fatal(err)
	}
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	transport := &http.Transport{TLSClientConfig: source.ClientTLS(source.ControlPlane(), "h2"), Protocols: &protocols}
	t.Cleanup(transport.CloseIdleConnections)
	client := connect.NewClient[dynamicpb.Message, dynamicpb.Message](&http.Client{Transport: transport},
		identity.BaseURL(p.address)+previous.Procedure(m), connect.WithSchema(m), connect.WithResponseInitializer(previous.Initialize))
	return &elder{t: t, method: m, stream: client.CallBidiStream(t.Context())}
}

// say sends a message, which is given as protobuf's JSON.
func (e *elder) say(text string) {
	e.t.Helper()
	m := dynamicpb.NewMessage(e.method.Input())
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		e.t.Fatal(err)
	}
	if err := e.stream.Send(m); err != nil {
		e.t.Fatal(err)
	}
}

// heard is what a sidecar of then understands of a push.
type heard struct {
	Sequence, Version string // as protobuf's JSON has large numbers
	Services          []string
	Snapshots         []struct {
		Service   string
		Known     bool
		Instances []struct{ ID, Address, State string }
	}
	Inbound *struct{}
}

func (e *elder) hear() heard {
	e.t.Helper()
	m, err := e.stream.Receive()
	if err != nil {
		e.t.Fatal(err)
	}
	raw, err := protojson.Marshal(m)
	if err != nil {
		e.t.Fatal(err)
	}
	var h heard
	if err := json.Unmarshal(raw, &h); err != nil {
		e.t.Fatal(err)
	}
	return h
}

// TestPreviousSidecar subscribes, is pushed what changes, and acknowledges: a control
// plane is upgraded before its sidecars.
func TestPreviousSidecar(t *testing.T) {
	t.Parallel()
	p := newPlant(t, func(c *Config) { c.InstanceTTL = time.Hour })
	c := p.admin()
	token := p.token(c)
	old := newElder(t, p, p.join(token, workload("web", "v1", "web-1"), ""))
	old.say(`{"hello": {"instance": {"id": "web-1", "address": "127.0.0.1:15006", "state": "ready"}, "build": "of old"}}`)
	old.say(`{"want": {"services": ["reviews"]}}`)
	first := old.hear()
	if len(first.Services) != 1 || len(first.Snapshots) != 1 || first.Snapshots[0].Service != "reviews" || first.Snapshots[0].Known || first.Inbound == nil {
		t.Errorf("first push is %+v, want reviews, which nobody knows, and what to enforce", first)
	}
	old.say(`{"ack": {"sequence": "` + first.Sequence + `", "accepted": true}}`)

	p.sidecar(token, workload("reviews", "v1", "reviews-1"))
	second := old.hear()
	if len(second.Snapshots) != 1 || len(second.Snapshots[0].Instances) != 1 || second.Snapshots[0].Instances[0].ID != "reviews-1" ||
		second.Snapshots[0].Instances[0].State != string(mesh.Ready) {
		t.Errorf("second push is %+v, want reviews with an instance", second)
	}
	old.say(`{"ack": {"sequence": "` + second.Sequence + `", "accepted": true}}`)
	status := func() mesh.ProxyStatus {
		proxies, err := c.Proxies(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range proxies {
			if s.Instance.ID == "web-1" {
				return s
			}
		}
		return mesh.ProxyStatus{}
	}
	eventually(t, "sync of the old sidecar", func() bool {
		s := status()
		return s.InSync && s.Build == "of old" && s.PropagationMs > 0 && s.PropagationMs < patience.Seconds()*1e3
	})
	p.sidecar(token, workload("reviews", "v1", "reviews-2"))
	third := old.hear()
	old.say(`{"ack": {"sequence": "` + third.Sequence + `", "reason": "too new"}}`)
	eventually(t, "its refusal", func() bool { return status().Refusal == "too new" })
	old.say(`{"goodbye": {}}`)
	if err := old.stream.CloseRequest(); err != nil {
		t.Error(err)
	}
	// Its lease would be good for longer than the test waits.
	eventually(t, "its end", func() bool { return status().Instance.ID == "" })
}
