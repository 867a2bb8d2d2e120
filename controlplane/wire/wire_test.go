package wire

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// full sets every field there is, so that a forgotten one shows.
func full() mesh.Snapshot {
	policy := mesh.Policy{
		LoadBalancer: mesh.LeastRequest,
		Hash: &mesh.Hash{Size: 4096, Cookie: &mesh.HashCookie{
			Name: "user", Set: true, TTL: time.Hour, Path: "/shop", Attributes: []mesh.CookieAttribute{{Name: "SameSite", Value: "Lax"}},
		}},
		Warmup: &mesh.Warmup{Duration: time.Minute, MinPercent: 10, Aggression: 1.5},
		Locality: &mesh.LocalityLB{
			Off: true, Failover: map[string]string{"eu": "us"}, FailoverPriority: []string{"rack", "tier=gold"},
			Distribute: []mesh.Distribute{{From: "eu/a/*", To: map[string]uint32{"eu/a/*": 80, "eu/b/*": 20}}},
		},
		Outlier: &mesh.Outlier{
			ConsecutiveErrors: 5, ConsecutiveGateway: 4, ConsecutiveLocal: 3, Split: true, Interval: time.Second,
			BaseEjection: time.Minute, MaxEjectedPercent: 50, MinHealthPercent: 40, ErrorCodes: []int{429, 500},
		},
		Limits: mesh.Limits{
			Connections: 1, Pending: 2, Requests: 3, Retries: 4, ConnectTimeout: 5 * time.Second,
			RequestsPerConnection: 6, Streams: 7, IdleTimeout: 8 * time.Second, StreamIdle: 9 * time.Second, ConnectionAge: 10 * time.Second,
			Keepalive: &mesh.Keepalive{Probes: 3, Time: time.Minute, Interval: time.Second},
		},
		MTLS:        mesh.Own,
		TLS:         &mesh.ClientTLS{ServerName: "a.example.com", Names: []string{"b.example.com"}, Authorities: "/etc/a.pem", Unverified: true, Certificate: "/etc/b.pem", Key: "/etc/b.key"},
		RetryBudget: &mesh.RetryBudget{Percent: 12.5, MinRetries: 3, Interval: time.Second},
		HealthCheck: &mesh.HealthCheck{
			HTTP:     &mesh.HTTPCheck{Path: "/healthz", Host: "reviews", Statuses: []mesh.StatusRange{{From: 200, To: 299}}},
			Interval: time.Second, Timeout: 2 * time.Second, NoTrafficInterval: time.Minute, Healthy: 1, Unhealthy: 2, Port: 8081,
		},
	}
	return mesh.Snapshot{
		Service: "reviews",
		Version: 41,
		Known:   true,
		Routes:  []mesh.Route{fullRoute()},
		Hedge:   &mesh.Hedge{After: 1, Percentile: 0.5, Min: 2, Max: 3, GRPC: []string{"a.B/C"}},
		Streams: []mesh.StreamRoute{{
			Name: "tls",
			Matches: []mesh.StreamMatch{{
				TLS: true, SNI: []string{"a.shop", "*.b.shop"}, Port: 9443,
				SourceNamespace: "shop", SourceLabels: map[string]string{"app": "cart"},
			}},
			Destinations: []mesh.Destination{{Service: "reviews", Subset: "v2", Weight: 1}},
		}},
		Subsets: []mesh.Subset{{
			Name: "v2", Labels: map[string]string{"version": "v2"}, Policy: &policy,
			PortPolicies: []mesh.PortPolicy{{Port: 9090, Policy: policy}},
		}},
		Policy:       policy,
		PortPolicies: []mesh.PortPolicy{{Port: 5432, Policy: policy}},
		Ports: []mesh.ServicePort{
			{Port: mesh.Port{Number: 5432, Protocol: mesh.TCP}},
			{Port: mesh.Port{Number: 9090, Name: "grpc-api", Protocol: mesh.GRPC}, Group: 9090},
		},
		Instances: []mesh.Instance{{
			ID: "reviews-1", Service: "reviews", Version: "v2",
			Address:  netip.MustParseAddrPort("127.0.0.1:15006"),
			Identity: "spiffe://mesh.local/ns/default/sa/reviews",
			Labels:   map[string]string{"version": "v2"}, State: mesh.Ready,
			AppProtocol: mesh.TCP, AppPort: 5432, Locality: "eu/a/7", Plaintext: true,
			Ports: []mesh.Port{{Number: 5432, Protocol: mesh.TCP}, {Number: 9090, Name: "grpc-api", Protocol: mesh.GRPC}},
		}},
		Verdicts: []mesh.Verdict{{
			ID: "v-1", Target: mesh.Target{Service: "reviews", Version: "v2", Instance: "reviews-1"},
			Phase: mesh.Probing, Admit: 0.1, Reason: "31 of 40 failed", By: "remedy", Held: true,
			Since: time.Unix(100, 5).UTC(), Until: time.Unix(200, 0).UTC(), Traces: []string{"abc"},
		}},
	}
}

func fullRoute() mesh.Route {
	edits := &mesh.HeaderEdits{
		Request:  mesh.FieldEdits{Remove: []string{"a"}, Set: map[string]string{"b": "1"}, Add: map[string]string{"c": "2"}},
		Response: mesh.FieldEdits{Remove: []string{"d"}, Set: map[string]string{"e": "3"}, Add: map[string]string{"f": ""}},
	}
	return mesh.Route{
		Name: "tester",
		Matches: []mesh.Match{{
			Name:      "by user",
			Path:      &mesh.StringMatch{Prefix: "/api"},
			Scheme:    &mesh.StringMatch{Exact: "http"},
			Method:    &mesh.StringMatch{Exact: "GET"},
			Authority: &mesh.StringMatch{Regex: "reviews.*"},
			Headers: map[string]*mesh.StringMatch{
				"end-user": {Regex: "j.*"}, "x-empty": {}, "x-present": nil,
			},
			Without:    map[string]*mesh.StringMatch{"x-absent": nil},
			Query:      map[string]*mesh.StringMatch{"q": {Prefix: "a"}, "r": nil, "e": {Elements: "/a"}},
			IgnoreCase: true, Port: 9080,
			SourceNamespace: "shop", SourceLabels: map[string]string{"app": "cart"},
		}},
		Destinations: []mesh.Destination{{Service: "reviews", Subset: "v2", Port: 9090, Weight: 100, Headers: edits, Fail: 500, Absent: 503, Rewrite: &mesh.Rewrite{Path: "/x", Authority: "y", Whole: true}}}, Last: true,
		Timeout: 1500 * time.Millisecond,
		Retry: &mesh.Retry{
			Attempts: 3, PerTryTimeout: time.Second, On: []string{"5xx"}, Backoff: time.Second, SameInstance: true, OtherLocalities: true,
		},
		Headers:  edits,
		Rewrite:  &mesh.Rewrite{Path: "/v1", Authority: "a:1", Regex: "x", Substitution: `\1`, Elements: true, Whole: true},
		Redirect: &mesh.Redirect{Code: 308, Path: "/p", Prefix: "/q", Authority: "b", Scheme: "https", Port: 8443, RequestPort: true, Elements: true},
		Respond:  &mesh.DirectResponse{Status: 418, Body: []byte{0, 255}},
		CORS: &mesh.CORS{
			Origins: []mesh.StringMatch{{Exact: "*"}, {Prefix: "http://"}}, Methods: []string{"GET"}, Headers: []string{"x"},
			Expose: []string{"y"}, MaxAge: time.Hour, Credentials: true, Ignore: true,
		},
		Fault: &mesh.Fault{
			Delay: &mesh.Delay{Fixed: 7 * time.Second, Percent: 0.5},
			Abort: &mesh.Abort{Status: 555, GRPC: new(14), Percent: 100},
		},
		Mirrors: []mesh.Mirror{{Service: "reviews", Subset: "v3", Port: 9090, Percent: 12.5}},
	}
}

func TestSnapshotSurvivesTheWire(t *testing.T) {
	for _, want := range []mesh.Snapshot{full(), {Service: "unknown"}} {
		raw, err := proto.Marshal(FromSnapshot(want))
		if err != nil {
			t.Fatal(err)
		}
		var m Snapshot
		if err := proto.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		got, err := ToSnapshot(&m)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
			t.Errorf("snapshot of %s changed on the wire (-sent +got):\n%s", want.Service, diff)
		}
	}
}

// TestPolicyVariants are the fields of which full can set only one.
func TestPolicyVariants(t *testing.T) {
	for name, want := range map[string]mesh.Policy{
		"nothing":     {},
		"header":      {Hash: &mesh.Hash{Header: "x-user"}},
		"query":       {Hash: &mesh.Hash{Query: "user"}},
		"source":      {Hash: &mesh.Hash{SourceIP: true}},
		"cookie":      {Hash: &mesh.Hash{Cookie: &mesh.HashCookie{Name: "user"}}},
		"gRPC health": {HealthCheck: &mesh.HealthCheck{GRPC: &mesh.GRPCCheck{Service: "shop.Ratings"}, Interval: time.Second}},
		"TCP health":  {HealthCheck: &mesh.HealthCheck{TCP: true, Interval: time.Second}},
	} {
		if diff := cmp.Diff(want, toPolicy(fromPolicy(want))); diff != "" {
			t.Errorf("%s changed on the wire (-sent +got):\n%s", name, diff)
		}
	}
}

func TestProtocolsOfNewerSidecarsAreNotSaid(t *testing.T) {
	got, err := ToInstance(&Instance{Id: "a-1", Address: "1.2.3.4:5", AppProtocol: "quic"})
	if err != nil || got.AppProtocol != "" {
		t.Errorf("got %q, %v", got.AppProtocol, err)
	}
}

// fullInbound sets every field there is.
func fullInbound() mesh.Inbound {
	s := func(v string) []string { return []string{v} }
	return mesh.Inbound{Version: 3, Authorization: []mesh.Authorization{{
		Name: "shop/a", Action: mesh.Deny, DryRun: true,
		Rules: []mesh.AuthorizationRule{{
			From: []mesh.Source{{
				Principals: s("a"), NotPrincipals: s("b"), RequestPrincipals: s("c"), NotRequestPrincipals: s("d"),
				Namespaces: s("e"), NotNamespaces: s("f"), ServiceAccounts: s("g"), NotServiceAccounts: s("h"),
				TrustDomains: s("i"), NotTrustDomains: s("j"), IPBlocks: s("k"), NotIPBlocks: s("l"),
				RemoteIPBlocks: s("m"), NotRemoteIPBlocks: s("n"),
			}},
			To: []mesh.Operation{{
				Hosts: s("a"), NotHosts: s("b"), Ports: s("c"), NotPorts: s("d"),
				Methods: s("e"), NotMethods: s("f"), Paths: s("g"), NotPaths: s("h"),
			}},
			When: []mesh.Condition{{Key: "a", Values: s("b"), NotValues: s("c")}},
		}, {}},
	}}, Tokens: []mesh.TokenRule{{
		Issuer: "a", Audiences: s("b"), JWKS: "c", JWKSURI: "d", FromHeaders: []mesh.TokenHeader{{Name: "e", Prefix: "f"}},
		FromParams: s("g"), FromCookies: s("h"), Forward: true, PayloadHeader: "i",
		ClaimHeaders: []mesh.ClaimHeader{{Header: "j", Claim: "k"}}, SpaceDelimited: s("l"),
	}}, Rates: []mesh.RateRule{{
		Name: "a", Match: mesh.AuthorizationRule{To: []mesh.Operation{{Methods: s("b")}}}, Requests: 1, Unit: time.Minute, Burst: 2,
		PerCaller: true, PerHeader: "c",
	}}, InFlight: []mesh.InFlight{{Name: "a", Requests: 1, PerCaller: 2, Connections: 3, Adaptive: &mesh.Adaptive{
		Percentile: 0.5, MaxRequests: 4, Interval: 5,
		MinRTT: mesh.MinRTT{Fixed: 6, Interval: 7, Requests: 8, Concurrency: 9, Jitter: 0.1, Buffer: 0.2},
	}}}, Sampling: &mesh.Sampling{
		Percentage: 12.5, KeepErrors: true, KeepSlower: time.Second,
		Rules: []mesh.SamplingRule{{Host: "a", PathPrefix: "/b", Method: "GET", Headers: map[string]string{"c": "d"}, Percentage: 100}},
	}, PathNormalization: mesh.PathMergeSlashes, MTLS: mesh.Permissive, PortMTLS: []mesh.PortMTLS{{Port: 9090, Mode: mesh.Disable}}, Logs: &mesh.AccessLogs{
		Outbound: &mesh.AccessLog{Off: true, DropErrors: true},
		Inbound: &mesh.AccessLog{Only: &mesh.LogTest{Op: mesh.LogOr, Of: []mesh.LogTest{
			{Op: mesh.LogIn, Attribute: "response.code", Numbers: []float64{200, 204}},
			{Op: mesh.LogIn, Attribute: "request.method", Texts: []string{"GET"}},
			{Op: mesh.LogMore, Attribute: "request.duration", Number: 0.5},
			{Op: mesh.LogPrefix, Attribute: "request.path", Text: "/a"},
		}}},
	}, Spans: &mesh.Spans{
		Outbound: &mesh.SpanRule{Off: true},
		Inbound:  &mesh.SpanRule{Tags: []mesh.SpanTag{{Name: "a", Literal: "b"}, {Name: "c", Header: "d", Default: "e"}}},
	}, Metrics: &mesh.Metrics{
		Outbound: &mesh.MetricRule{Remove: []mesh.MetricLabel{mesh.LabelRoute}},
		Inbound:  &mesh.MetricRule{Off: []mesh.Metric{mesh.RequestSize}},
	}}
}

func TestInboundSurvivesTheWire(t *testing.T) {
	want := fullInbound()
	raw, err := proto.Marshal(FromInbound(want))
	if err != nil {
		t.Fatal(err)
	}
	var m Inbound
	if err := proto.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, ToInbound(&m)); diff != "" {
		t.Errorf("changed on the wire (-sent +got):\n%s", diff)
	}
}

func TestServicesSurviveTheWire(t *testing.T) {
	want := []mesh.ServiceName{"reviews", "orders.production"}
	if diff := cmp.Diff(want, ToServices(FromServices(want))); diff != "" {
		t.Error(diff)
	}
}

func TestToSnapshotRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		in   *Snapshot
		want string
	}{
		"nothing at all":  {nil, "no service name"},
		"no address":      {&Snapshot{Service: "a", Instances: []*Instance{{Id: "a-1"}}}, `instance "a-1": address`},
		"port 0":          {&Snapshot{Service: "a", Instances: []*Instance{{Id: "a-1", Address: "1.2.3.4:5", Ports: []*Port{{Number: 1}, {}}}}}, `instance "a-1": ports[1]: 0 is not a port`},
		"one port twice":  {&Snapshot{Service: "a", Instances: []*Instance{{Id: "a-1", Address: "1.2.3.4:5", Ports: []*Port{{Number: 1}, {Number: 1}}}}}, `instance "a-1": ports[1]: 1 is not a port, or is there twice`},
		"port's name":     {&Snapshot{Service: "a", Instances: []*Instance{{Id: "a-1", Address: "1.2.3.4:5", Ports: []*Port{{Number: 1, Name: "A"}}}}}, `ports[0]: name "A" is not a DNS label`},
		"too many ports":  {&Snapshot{Service: "a", Instances: []*Instance{{Id: "a-1", Address: "1.2.3.4:5", Ports: make([]*Port, 33)}}}, `ports: there are 33; at most 32`},
		"no port":         {&Snapshot{Service: "a", Instances: []*Instance{{Id: "a-1", Address: "1.2.3.4:5", AppPort: 1 << 16}}}, `instance "a-1": app_port: 65536 is not a port`},
		"a name for host": {&Snapshot{Service: "a", Instances: []*Instance{{Id: "a-1", Address: "host:1"}}}, `instance "a-1": address`},
	} {
		if _, err := ToSnapshot(c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}

func TestTapsSurviveTheWire(t *testing.T) {
	taps := []mesh.Tap{{
		ID: "1", Direction: "inbound", Peer: "web", PeerVersion: "v1", Method: "GET", Path: "/x", Authority: "reviews", Status: "5xx",
		PerSecond: 7, Headers: true,
	}, {}}
	if diff := cmp.Diff(taps, ToTaps(FromTaps(taps))); diff != "" {
		t.Error(diff)
	}
	batch := mesh.TapBatch{
		Requests: []mesh.Tapped{{
			Taps: []string{"1", "2"}, Time: time.Unix(1e9, 5).UTC(), Direction: "outbound", Peer: "ratings", PeerVersion: "v2", PeerInstance: "ratings-1",
			PeerIdentity: "spiffe://m/ns/default/sa/ratings", MTLS: true, Method: "GET", Path: "/x", Authority: "ratings", Protocol: "grpc",
			Route: "r", Status: 200, GRPCStatus: -1, Failed: true, Flags: "UF", Reason: "why", RequestID: "id", TraceID: "abc", Tries: 3,
			Took: time.Second, FirstByte: time.Millisecond, BytesIn: 1, BytesOut: 2,
			Request: []mesh.Header{{Name: "a", Value: "b"}}, Response: []mesh.Header{{Name: "c", Value: "d"}},
		}},
		Limited: map[string]uint64{"1": 4}, Dropped: 5,
	}
	if diff := cmp.Diff(batch, ToTapBatch(FromTapBatch(batch))); diff != "" {
		t.Error(diff)
	}
}
