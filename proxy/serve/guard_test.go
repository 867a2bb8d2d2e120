package serve

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/authorize"
	"github.com/sightline-mesh/sightline/proxy/token"
)

// guardWith is a Guard of these policies.
func guardWith(t testing.TB, all ...mesh.Authorization) *Guard {
	t.Helper()
	p, err := authorize.Compile(all, "mesh.local")
	if err != nil {
		t.Fatal(err)
	}
	return &Guard{Authorize: p}
}

func deny(r mesh.AuthorizationRule) mesh.Authorization {
	return mesh.Authorization{Name: "default/d", Action: mesh.Deny, Rules: []mesh.AuthorizationRule{r}}
}

func ok(http.ResponseWriter, *http.Request) {}

func TestDenialsOfBothProtocols(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(ok)})
	side := m.sidecars[0]
	const reason = "RBAC: access denied by policy default/d rule 0"
	to := func(o mesh.Operation) mesh.AuthorizationRule { return mesh.AuthorizationRule{To: []mesh.Operation{o}} }
	header := mesh.AuthorizationRule{When: []mesh.Condition{{Key: "request.headers[x-role]", NotValues: []string{"clerk"}}}}
	caller := mesh.AuthorizationRule{From: []mesh.Source{{
		Principals: []string{"cluster.local/ns/default/sa/productpage"}, IPBlocks: []string{"127.0.0.1"},
	}}}
	n := 0
	for _, client := range []*http.Client{m.client(t), m.client2(t)} {
		for name, tt := range map[string]struct {
			rule   mesh.AuthorizationRule
			path   string
			fields []string
			status int
		}{
			"other path":      {to(mesh.Operation{Paths: []string{"/secret"}}), "/open", nil, 200},
			"path":            {to(mesh.Operation{Paths: []string{"/secret"}}), "/secret", nil, 403},
			"path with query": {to(mesh.Operation{Paths: []string{"/secret"}}), "/secret?x=y", nil, 403},
			"detour":          {to(mesh.Operation{Paths: []string{"/secret"}}), "/open/../secret", nil, 403},
			"escaped":         {to(mesh.Operation{Paths: []string{"/secret"}}), "/%73ecret", nil, 403},
			"host":            {to(mesh.Operation{Hosts: []string{"REVIEWS"}}), "/", nil, 403},
			"method":          {to(mesh.Operation{Methods: []string{"GET"}}), "/", nil, 403},
			"caller":          {caller, "/", nil, 403},
			"header":          {header, "/", []string{"clerk"}, 200},
			"no header":       {header, "/", nil, 403},
			"two headers":     {header, "/", []string{"clerk", "boss"}, 403},
		} {
			side.guard.Store(guardWith(t, deny(tt.rule)))
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://reviews"+tt.path, nil)
			r.RequestURI = ""
			r.Header["X-Role"] = tt.fields
			res, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			rec := side.records.await(t, n)
			out := m.records.await(t, n)
			n++
			if res.StatusCode != tt.status || rec.Status != tt.status {
				t.Errorf("%s over %s: %d, told as %d; want %d", name, rec.Protocol, res.StatusCode, rec.Status, tt.status)
			}
			if tt.status == 200 {
				continue
			}
			if res.Header.Get("X-Sightline-Reason") != reason || !strings.Contains(string(body), "RBAC: access denied") ||
				rec.Reason != reason || rec.Flags != "UAEX" || rec.GeneratedBy != "proxy" || out.Reason != reason || out.GeneratedBy != "peer" {
				t.Errorf("%s over %s: %v %q\ninbound  %+v\noutbound %+v", name, rec.Protocol, res.Header, body, rec, out)
			}
		}
	}
	if g := side.in.Guarded(); g.Denied != 18 || g.Allowed != 4 {
		t.Errorf("counted %+v", g)
	}
}

func TestDenialOfGRPC(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(ok)})
	m.sidecars[0].guard.Store(guardWith(t, deny(mesh.AuthorizationRule{})))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://reviews/pkg.Service/Method", strings.NewReader("x"))
	r.RequestURI = ""
	r.Header.Set("Content-Type", "application/grpc")
	res, err := m.client2(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Header.Get("Grpc-Status") != "7" {
		t.Errorf("%d, %v, want PERMISSION_DENIED", res.StatusCode, res.Header)
	}
	if rec := m.sidecars[0].records.await(t, 0); rec.GRPCStatus != 7 || rec.Flags != "UAEX" {
		t.Errorf("told as %+v", rec)
	}
}

func TestStreamsAreAuthorizedByWhoCalls(t *testing.T) {
	m := newMesh(t, meshConfig{}, greeter("db"))
	side := m.sidecars[0]
	addr := m.fixed(t, Port{Service: "reviews", Protocol: mesh.TCP})
	fromCaller := mesh.AuthorizationRule{From: []mesh.Source{{Principals: []string{"*/sa/productpage"}}}}
	for i, tt := range []struct {
		a    mesh.Authorization
		want string
	}{
		{mesh.Authorization{Name: "default/a", Action: mesh.Allow, Rules: []mesh.AuthorizationRule{fromCaller}}, "220 db\r\nQUIT"},
		{deny(fromCaller), ""},
		{deny(mesh.AuthorizationRule{To: []mesh.Operation{{Paths: []string{"/x"}}}}), ""}, // what cannot be seen is denied
	} {
		side.guard.Store(guardWith(t, tt.a))
		got := ""
		if tt.want != "" {
			got = talk(t, dialTCP(t, addr))
		} else if c, err := net.Dial("tcp", addr); err == nil { // it may be reset even before it is seen
			b, err := io.ReadAll(c)
			if err == nil || len(b) > 0 {
				t.Errorf("%+v: read %q, %v; want the connection to be cut", tt.a, b, err)
			}
			c.Close()
		}
		rec := side.records.await(t, i)
		if got != tt.want || (rec.Flags == "UAEX") == (tt.want != "") {
			t.Errorf("%+v: %q, %+v", tt.a, got, rec)
		}
		if out := m.records.await(t, i); tt.want == "" && (!strings.Contains(out.Reason, "RBAC: access denied by policy default/d rule 0") || out.Flags != "UAEX") {
			t.Errorf("the caller's sidecar tells %+v", out)
		}
	}
}

func TestDryRunIsToldAndLetsThrough(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(ok)})
	d := deny(mesh.AuthorizationRule{})
	d.DryRun = true
	m.sidecars[0].guard.Store(guardWith(t, d))
	get(t, m.client(t), "http://reviews/", 200)
	rec := m.sidecars[0].records.await(t, 0)
	if rec.Status != 200 || rec.Flags != "" || rec.Reason != "dry-run: would be denied by policy default/d rule 0" || rec.GeneratedBy != "app" {
		t.Errorf("told as %+v", rec)
	}
	if g := m.sidecars[0].in.Guarded(); g.Rehearsed != 1 || g.Allowed != 1 || g.Denied != 0 {
		t.Errorf("counted %+v", g)
	}
}

func TestNothingIsLetInBeforeItIsKnownWhatMay(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(ok)})
	m.sidecars[0].guard.Store(nil)
	get(t, m.client(t), "http://reviews/", 503)
	m.sidecars[0].guard.Store(&Guard{})
	get(t, m.client(t), "http://reviews/", 200)
}

// tokensOf is a verifier of an issuer whose key nobody has.
func tokensOf(t *testing.T, issuer string) *token.Verifier {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k"}}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := token.Compile([]mesh.TokenRule{{Issuer: issuer, JWKS: string(keys)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTokensDecide(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k"}}})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "k"))
	if err != nil {
		t.Fatal(err)
	}
	sign := func(claims string) string {
		o, err := signer.Sign([]byte(claims))
		if err != nil {
			t.Fatal(err)
		}
		s, err := o.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	admin, clerk := sign(`{"iss":"i","sub":"ada","groups":["admin"]}`), sign(`{"iss":"i","sub":"bob"}`)
	verifier, err := token.Compile([]mesh.TokenRule{{
		Issuer: "i", JWKS: string(keys), PayloadHeader: "x-payload", ClaimHeaders: []mesh.ClaimHeader{{Header: "x-sub", Claim: "sub"}},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Seen", r.Header.Get("Authorization")+"|"+r.Header.Get("X-Sub")+"|"+r.RequestURI)
	})})
	side := m.sidecars[0]
	g := guardWith(t, mesh.Authorization{Name: "default/a", Action: mesh.Allow, Rules: []mesh.AuthorizationRule{
		{To: []mesh.Operation{{Paths: []string{"/open"}}}},
		{From: []mesh.Source{{RequestPrincipals: []string{"i/*"}}}, To: []mesh.Operation{{Paths: []string{"/token"}}}},
		{When: []mesh.Condition{{Key: "request.auth.claims[groups]", Values: []string{"admin"}}}},
	}})
	g.Tokens = verifier
	side.guard.Store(g)
	n := 0
	for _, client := range []*http.Client{m.client(t), m.client2(t)} {
		for name, tt := range map[string]struct {
			path, bearer, sub string
			status            int
			seen              string
		}{
			"no token":                    {"/open", "", "", 200, "||/open"},
			"no token, spoofed":           {"/open", "", "root", 200, "||/open"},
			"no token where one is asked": {"/token", "", "", 403, ""},
			"token":                       {"/token", clerk, "root", 200, "|bob|/token"},
			"token without the claim":     {"/admin", clerk, "", 403, ""},
			"token with the claim":        {"/admin", admin, "", 200, "|ada|/admin"},
			"bad token":                   {"/open", clerk[:len(clerk)-2], "", 401, ""},
			"token as a parameter":        {"/token?access_token=" + clerk + "&x=y", "", "", 200, "|bob|/token?x=y"},
		} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://reviews"+tt.path, nil)
			r.RequestURI = ""
			if tt.bearer != "" {
				r.Header.Set("Authorization", "Bearer "+tt.bearer)
			}
			if tt.sub != "" {
				r.Header.Set("X-Sub", tt.sub)
			}
			res, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			rec := side.records.await(t, n)
			n++
			if res.StatusCode != tt.status || res.Header.Get("X-Seen") != tt.seen {
				t.Errorf("%s over %s: %d %s, the app saw %q", name, rec.Protocol, res.StatusCode, body, res.Header.Get("X-Seen"))
			}
			if tt.status == 401 && (res.Header.Get("Www-Authenticate") != `Bearer error="invalid_token"` || rec.Flags != "UAEX") {
				t.Errorf("%s: %v %+v", name, res.Header, rec)
			}
			if strings.Contains(fmt.Sprint(rec, res.Header, string(body)), clerk[:len(clerk)-2]) {
				t.Errorf("%s: the token is told: %+v", name, rec)
			}
		}
	}
	if c := side.in.Guarded(); c.Tokens != 8 || c.BadTokens != 2 {
		t.Errorf("counted %+v", c)
	}
}

// get sends one request and holds its answer's status against want.
func get(t testing.TB, c *http.Client, url string, want int) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	r.RequestURI = ""
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, res.Body) //nolint:errcheck // its status is what counts
	res.Body.Close()
	if res.StatusCode != want {
		t.Errorf("%s: %d (%s), want %d", url, res.StatusCode, res.Header.Get("X-Sightline-Reason"), want)
	}
}
