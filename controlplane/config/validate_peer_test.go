package config

import (
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// peer is a PeerAuthentication of a namespace and mode, with a selector and modes of ports
// if it is given them.
func peer(name, namespace, mode string, more ...string) string {
	labels := ""
	if len(more) > 0 && more[0] != "" {
		labels = "  selector: {matchLabels: {" + more[0] + "}}\n"
	}
	if len(more) > 1 {
		labels += "  portLevelMtls: " + more[1] + "\n"
	}
	return "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: " + name + ", namespace: " + namespace +
		"}\nspec:\n" + labels + "  mtls: {mode: " + mode + "}\n---\n"
}

func tlsRule(host, mode string) string {
	return "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: " + host + "}\nspec:\n  host: " + host +
		"\n  trafficPolicy: {tls: {mode: " + mode + "}}\n---\n"
}

func mustParse(t *testing.T, manifest string) []Object {
	t.Helper()
	objects, err := Parse([]byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func TestTheNearestPeerAuthenticationHolds(t *testing.T) {
	v1 := map[string]string{"app": "reviews", "version": "v1"}
	for name, tt := range map[string]struct {
		manifest  string
		namespace string
		want      mesh.MTLSMode
		by        string
	}{
		"none":                      {"", "shop", mesh.Strict, ""},
		"mesh":                      {peer("d", "istio-system", "PERMISSIVE"), "shop", mesh.Permissive, "PeerAuthentication istio-system/d"},
		"mesh, own name":            {peer("d", "sightline", "PERMISSIVE"), "shop", mesh.Permissive, "PeerAuthentication sightline/d"},
		"namespace over mesh":       {peer("d", "istio-system", "PERMISSIVE") + peer("n", "shop", "DISABLE"), "shop", mesh.Disable, "PeerAuthentication shop/n"},
		"another namespace":         {peer("d", "istio-system", "PERMISSIVE") + peer("n", "shop", "DISABLE"), "bank", mesh.Permissive, "PeerAuthentication istio-system/d"},
		"workload over namespace":   {peer("n", "shop", "DISABLE") + peer("w", "shop", "STRICT", "app: reviews"), "shop", mesh.Strict, "PeerAuthentication shop/w"},
		"another workload":          {peer("w", "shop", "DISABLE", "app: ratings"), "shop", mesh.Strict, ""},
		"unset inherits":            {peer("n", "shop", "PERMISSIVE") + peer("w", "shop", "UNSET", "app: reviews"), "shop", mesh.Permissive, "PeerAuthentication shop/n"},
		"unset everywhere":          {peer("d", "sightline", "UNSET") + peer("n", "shop", "UNSET"), "shop", mesh.Strict, ""},
		"of two, the first by name": {peer("b", "shop", "DISABLE", "app: reviews") + peer("a", "shop", "PERMISSIVE", "version: v1"), "shop", mesh.Permissive, "PeerAuthentication shop/a"},
		"of two, also when unset":   {peer("b", "shop", "DISABLE", "app: reviews") + peer("a", "shop", "UNSET", "version: v1"), "shop", mesh.Strict, ""},
	} {
		var objects []Object
		if tt.manifest != "" {
			objects = mustParse(t, tt.manifest)
		}
		if mode, by := NewPeerModes(objects).For(tt.namespace, v1, 0); mode != tt.want || by != tt.by {
			t.Errorf("%s: %s by %q, want %s by %q", name, mode, by, tt.want, tt.by)
		}
	}
}

func TestModesOfPorts(t *testing.T) {
	labels := map[string]string{"app": "reviews"}
	for name, tt := range map[string]struct {
		manifest string
		want     map[uint16]mesh.MTLSMode
	}{
		"of the workload": {
			peer("p", "shop", "STRICT", "app: reviews", "{8080: {mode: DISABLE}, '9090': {mode: PERMISSIVE}}"),
			map[uint16]mesh.MTLSMode{0: mesh.Strict, 8080: mesh.Disable, 9090: mesh.Permissive, 7070: mesh.Strict},
		},
		"unset is the workload's": {
			peer("p", "shop", "PERMISSIVE", "app: reviews", "{8080: {mode: UNSET}}"), map[uint16]mesh.MTLSMode{8080: mesh.Permissive},
		},
		"the rest is the namespace's": {
			peer("n", "shop", "PERMISSIVE") + peer("p", "shop", "UNSET", "app: reviews", "{8080: {mode: STRICT}}"),
			map[uint16]mesh.MTLSMode{0: mesh.Permissive, 8080: mesh.Strict},
		},
		"without a selector it says nothing": {peer("n", "shop", "PERMISSIVE", "", "{8080: {mode: DISABLE}}"), map[uint16]mesh.MTLSMode{8080: mesh.Permissive}},
	} {
		modes := NewPeerModes(mustParse(t, tt.manifest))
		for port, want := range tt.want {
			if got, _ := modes.For("shop", labels, port); got != want {
				t.Errorf("%s: port %d: %s, want %s", name, port, got, want)
			}
		}
	}
}

func TestModesOfPortsAreHeldAgainstWhatRuns(t *testing.T) {
	ports := []mesh.Port{{Number: 8080, Name: "http"}, {Number: 9090, Name: "grpc"}}
	w := NewWorld([]mesh.Instance{{ID: "r1", Service: "reviews", Labels: map[string]string{"app": "reviews"}, AppPort: 8080, Ports: ports}})
	byPort := func(number, mode, rest string) string {
		return "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: reviews}\nspec:\n  host: reviews\n" +
			"  trafficPolicy: {portLevelSettings: [{port: {number: " + number + "}, tls: {mode: " + mode + "}}]" + rest + "}\n---\n"
	}
	const first = "holds for the first port alone"
	for name, tt := range map[string]struct{ manifest, want string }{
		"no selector":          {peer("p", "default", "STRICT", "", "{8080: {mode: DISABLE}}"), "error PeerAuthentication default/p: spec.portLevelMtls: needs a selector"},
		"a port that runs":     {peer("p", "default", "STRICT", "app: reviews", "{9090: {mode: DISABLE}}"), ""},
		"only ports":           {peer("p", "default", "UNSET", "app: reviews", "{9090: {mode: DISABLE}}"), ""},
		"no port of it":        {peer("p", "default", "STRICT", "app: reviews", "{7070: {mode: DISABLE}}"), `warning PeerAuthentication default/p: spec.portLevelMtls["7070"]: 7070 is no port of a workload that is selected; they have 8080 (http), 9090 (grpc)`},
		"mutual x first port":  {peer("p", "default", "STRICT", "app: reviews", "{8080: {mode: DISABLE}}") + tlsRule("reviews", "ISTIO_MUTUAL"), "ISTIO_MUTUAL, but reviews takes only plaintext"},
		"mutual x other port":  {peer("p", "default", "STRICT", "app: reviews", "{9090: {mode: DISABLE}}") + tlsRule("reviews", "ISTIO_MUTUAL"), ""},
		"DISABLE x first port": {peer("p", "default", "PERMISSIVE", "app: reviews", "{8080: {mode: STRICT}}") + byPort("8080", "DISABLE", ""), "spec.trafficPolicy.portLevelSettings[0].tls.mode: DISABLE, but reviews takes only mutual TLS"},
		"DISABLE x other port": {byPort("9090", "DISABLE", ""), "warning DestinationRule default/reviews: spec.trafficPolicy.portLevelSettings[0].tls.mode: " + first},
		"DISABLE of all":       {peer("p", "default", "PERMISSIVE", "app: reviews") + tlsRule("reviews", "DISABLE"), "warning DestinationRule default/reviews: spec.trafficPolicy.tls.mode: " + first},
		"the port has its own": {byPort("8080", "ISTIO_MUTUAL", ", tls: {mode: DISABLE}"), "spec.trafficPolicy.tls.mode: " + first},
		"nothing against it":   {byPort("8080", "DISABLE", "") + peer("p", "default", "STRICT", "app: reviews", "{8080: {mode: PERMISSIVE}}"), ""},
	} {
		var found []string
		for _, f := range Validate(mustParse(t, tt.manifest), w) {
			found = append(found, f.Severity+" "+Line(f))
		}
		text := strings.Join(found, "\n")
		if tt.want == "" && text != "" || tt.want != "" && (len(found) != 1 || !strings.Contains(text, tt.want)) {
			t.Errorf("%s: found %q, want %q", name, text, tt.want)
		}
	}
}

func TestPeerAuthenticationsAreHeldAgainstEachOtherAndAgainstRules(t *testing.T) {
	w := NewWorld([]mesh.Instance{
		{ID: "r1", Service: "reviews", Labels: map[string]string{"app": "reviews", "version": "v1"}},
		{ID: "r2", Service: "reviews", Labels: map[string]string{"app": "reviews", "version": "v2"}},
	})
	subsets := "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: reviews}\nspec:\n  host: reviews\n" +
		"  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}\n  subsets:\n  - {name: v2, labels: {version: v2}, trafficPolicy: {tls: {mode: DISABLE}}}\n---\n"
	for name, tt := range map[string]struct {
		manifest string
		severity string // "" is no finding
		want     string
	}{
		"STRICT by default x DISABLE": {
			tlsRule("reviews", "DISABLE"), SeverityError,
			"DestinationRule default/reviews: spec.trafficPolicy.tls.mode: DISABLE, but reviews takes only mutual TLS: the mesh's default says STRICT",
		},
		"STRICT x DISABLE": {
			tlsRule("reviews", "DISABLE") + peer("p", "default", "STRICT"), SeverityError,
			"but reviews takes only mutual TLS: PeerAuthentication default/p says STRICT",
		},
		"PERMISSIVE x DISABLE":      {tlsRule("reviews", "DISABLE") + peer("p", "default", "PERMISSIVE"), "", ""},
		"DISABLE x DISABLE":         {tlsRule("reviews", "DISABLE") + peer("p", "default", "DISABLE"), "", ""},
		"STRICT x ISTIO_MUTUAL":     {tlsRule("reviews", "ISTIO_MUTUAL"), "", ""},
		"PERMISSIVE x ISTIO_MUTUAL": {tlsRule("reviews", "ISTIO_MUTUAL") + peer("p", "default", "PERMISSIVE"), "", ""},
		"DISABLE x ISTIO_MUTUAL": {
			tlsRule("reviews", "ISTIO_MUTUAL") + peer("p", "default", "DISABLE", "version: v2"), SeverityError,
			"ISTIO_MUTUAL, but reviews takes only plaintext: PeerAuthentication default/p says DISABLE",
		},
		"subset x STRICT": {subsets, SeverityError, "spec.subsets[0].trafficPolicy.tls.mode: DISABLE, but reviews takes only mutual TLS"},
		"subset fits":     {subsets + peer("p", "default", "DISABLE", "version: v2"), "", ""},
		"nothing runs x STRICT": {
			tlsRule("ratings", "DISABLE"), SeverityError,
			"but ratings takes only mutual TLS: the mesh's default says STRICT",
		},
		"outside, and its entry is still to come": {tlsRule("api.example.com", "DISABLE"), "", ""},
		"two for the mesh":                        {peer("a", "sightline", "STRICT") + peer("b", "istio-system", "STRICT"), SeverityError, "is for the same workloads; keep one of them"},
		"two of a namespace": {
			peer("a", "default", "STRICT") + peer("b", "default", "PERMISSIVE"), SeverityError,
			"PeerAuthentication default/b: spec: PeerAuthentication default/a is for the same workloads",
		},
		"the same selector":      {peer("a", "default", "STRICT", "app: reviews") + peer("b", "default", "PERMISSIVE", "app: reviews"), SeverityError, "selects the same workloads"},
		"selectors that overlap": {peer("a", "default", "STRICT", "app: reviews") + peer("b", "default", "PERMISSIVE", "version: v2"), SeverityWarning, "which holds for them as its name comes first"},
		"selector in the root":   {peer("a", "istio-system", "STRICT", "app: reviews"), SeverityError, "has no effect in namespace istio-system"},
		"says nothing":           {peer("a", "default", "UNSET"), SeverityWarning, "is not set"},
		"selects nobody":         {peer("a", "default", "STRICT", "app: nobody"), SeverityWarning, "fits no running instance"},
	} {
		var found []string
		for _, f := range Validate(mustParse(t, tt.manifest), w) {
			if !strings.Contains(f.Message, "has joined yet") {
				found = append(found, f.Severity+" "+Line(f))
			}
		}
		text := strings.Join(found, "\n")
		if tt.severity == "" && text != "" || tt.severity != "" && (len(found) != 1 || !strings.HasPrefix(text, tt.severity) || !strings.Contains(text, tt.want)) {
			t.Errorf("%s: found %q, want %s %q", name, text, tt.severity, tt.want)
		}
	}
}

func TestWhatOfPeerAuthenticationIsRefused(t *testing.T) {
	for manifest, want := range map[string]string{
		peer("p", "default", "MUTUAL"):                                                                                      `spec.mtls.mode: "MUTUAL" is not right; want one of UNSET, DISABLE, PERMISSIVE, STRICT`,
		peer("p", "default", "STRICT", "app: x", "{8080: {mode: MUTUAL}}"):                                                  `spec.portLevelMtls["8080"].mode: "MUTUAL" is not right; want one of UNSET, DISABLE, PERMISSIVE, STRICT`,
		peer("p", "default", "STRICT", "app: x", "{0: {mode: STRICT}}"):                                                     `spec.portLevelMtls["0"]: "0" is not a port; want 1 to 65535`,
		peer("p", "default", "STRICT", "app: x", "{'70000': {mode: STRICT}}"):                                               `spec.portLevelMtls["70000"]: "70000" is not a port`,
		peer("p", "default", "STRICT", "app: x", "{grpc: {mode: STRICT}}"):                                                  `spec.portLevelMtls["grpc"]: "grpc" is not a port`,
		peer("p", "default", "STRICT", "app: x", "{8080: {port: 1}}"):                                                       `spec.portLevelMtls["8080"].port: unknown field`,
		peer("p", "default", "STRICT", "app: 'x*'"):                                                                         "no wildcards are supported in labels",
		strings.Replace(tlsRule("reviews", "x"), "mode: x", "credentialName: x", 1):                                         "credentialName: is not supported (value \"x\"): it names a Secret",
		strings.Replace(tlsRule("reviews", "x"), "tls: {mode: x}", "connectionPool: {http: {h2UpgradePolicy: UPGRADE}}", 1): `"UPGRADE" is not supported`,
		strings.Replace(tlsRule("reviews", "x"), "tls: {mode: x}", "connectionPool: {http: {useClientProtocol: false}}", 1): "useClientProtocol: false is not supported",
		strings.Replace(tlsRule("reviews", "x"), "tls: {mode: x}", "connectionPool: {http: {http2KeepAlive: {}}}", 1):       "http2KeepAlive: is not supported (value {}): sidecars ask a silent connection by themselves",
		strings.Replace(tlsRule("reviews", "x"), "tls: {mode: x}", "tunnel: {}", 1):                                         "tunnel: is not supported (value {}): there are no gateways to go out through",
		strings.Replace(tlsRule("reviews", "x"), "tls: {mode: x}", "proxyProtocol: {}", 1):                                  "proxyProtocol: is not supported (value {}): the callee's sidecar knows the caller by its certificate",
		strings.Replace(tlsRule("reviews", "x"), "  trafficPolicy", "  exportTo: ['.']\n  trafficPolicy", 1):                `spec.exportTo: ["."] is not supported`,
		strings.Replace(tlsRule("reviews", "x"), "  trafficPolicy", "  workloadSelector: {}\n  trafficPolicy", 1):           "spec.workloadSelector: is not supported (value {}): a rule holds for every caller of its host; want a subset",
	} {
		_, err := Parse([]byte(manifest))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v\nwant %s", manifest, err, want)
		}
	}
}

// A rule that was stored before its mode was asked for is read, and told of: what is
// stored must not stop what is compiled of the rest.
func TestATLSWithoutAModeIsReadAndRefused(t *testing.T) {
	for _, tls := range []string{"{}", "{mode: null}", "{mode: ~}"} {
		manifest := strings.Replace(tlsRule("reviews", "x"), "{mode: x}", tls, 1)
		objects, err := Parse([]byte(manifest))
		if err != nil {
			t.Errorf("%s: %v", tls, err)
			continue
		}
		var found []mesh.Finding
		for _, f := range Validate(objects, World{Unknown: true}) {
			if f.Path == "spec.trafficPolicy.tls" {
				found = append(found, f)
			}
		}
		if len(found) != 1 || found[0].Severity != SeverityError || found[0].Line != 6 || !strings.Contains(found[0].Message, "has no mode, which means DISABLE") {
			t.Errorf("%s: found %+v, want one error in line 6 that says what no mode means", tls, found)
		}
	}
	for _, f := range Validate(mustParse(t, tlsRule("reviews", "DISABLE")), World{Unknown: true}) {
		if f.Path == "spec.trafficPolicy.tls" {
			t.Errorf("DISABLE is written out, but: %+v", f)
		}
	}
}
