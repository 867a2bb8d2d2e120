package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/route"
)

const issuer = "https://issuer.example"

// signer is one of an issuer's keys.
type signer struct {
	id   string
	alg  jose.SignatureAlgorithm
	key  crypto.Signer
	hmac []byte // instead of key
}

func rsaSigner(t testing.TB, id string, alg jose.SignatureAlgorithm) *signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{id: id, alg: alg, key: key}
}

func ecSigner(t testing.TB, id string, curve elliptic.Curve, alg jose.SignatureAlgorithm) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{id: id, alg: alg, key: key}
}

// jwk is the public half.
func (s *signer) jwk() jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.key.Public(), KeyID: s.id, Use: "sig"}
}

// set is a published key set.
func set(t testing.TB, keys ...*signer) string {
	t.Helper()
	var out jose.JSONWebKeySet
	for _, k := range keys {
		out.Keys = append(out.Keys, k.jwk())
	}
	b, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (s *signer) sign(t testing.TB, payload string) string {
	t.Helper()
	var key any = s.key
	if s.hmac != nil {
		key = s.hmac
	}
	opts := (&jose.SignerOptions{}).WithType("JWT")
	if s.id != "" {
		opts = opts.WithHeader("kid", s.id)
	}
	w, err := jose.NewSigner(jose.SigningKey{Algorithm: s.alg, Key: key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	o, err := w.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	out, err := o.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// with is claims of the issuer, and these.
func with(more map[string]any) string {
	c := map[string]any{"iss": issuer, "sub": "ada", "exp": time.Now().Add(time.Hour).Unix()}
	for k, v := range more {
		if v == nil {
			delete(c, k)
			continue
		}
		c[k] = v
	}
	b, _ := json.Marshal(c)
	return string(b)
}

func compile(t testing.TB, rules ...mesh.TokenRule) *Verifier {
	t.Helper()
	v, err := Compile(rules, nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// carrying is a request with these fields.
func carrying(target string, fields ...string) *Request {
	return &Request{Target: target, Header: func(name string) (string, bool) {
		for i := 0; i+1 < len(fields); i += 2 {
			if fields[i] == name {
				return fields[i+1], true
			}
		}
		return "", false
	}}
}

func bearing(token string) *Request { return carrying("/", "authorization", "Bearer "+token) }

func TestAlgorithms(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*signer{
		rsaSigner(t, "k", jose.RS256), rsaSigner(t, "k", jose.RS512), rsaSigner(t, "k", jose.PS256), rsaSigner(t, "", jose.PS384),
		ecSigner(t, "k", elliptic.P256(), jose.ES256), ecSigner(t, "k", elliptic.P384(), jose.ES384),
		ecSigner(t, "", elliptic.P521(), jose.ES512),
		{id: "k", alg: jose.EdDSA, key: ed},
	} {
		v := compile(t, mesh.TokenRule{Issuer: issuer, JWKS: set(t, s)})
		for range 2 { // verified, and remembered
			got, err := v.Verify(t.Context(), bearing(s.sign(t, with(nil))))
			if err != nil || got.Principal() != issuer+"/ada" {
				t.Errorf("%s: %+v, %v", s.alg, got, err)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	k, other := rsaSigner(t, "k", jose.RS256), rsaSigner(t, "k", jose.RS256)
	stranger, ec := rsaSigner(t, "x", jose.RS256), ecSigner(t, "e", elliptic.P256(), jose.ES256)
	v := compile(t, mesh.TokenRule{Issuer: issuer, JWKS: set(t, k, ec), Audiences: []string{"vault", "till"}})
	now := time.Now()
	aud := map[string]any{"aud": "vault"}
	good := k.sign(t, with(aud))
	parts := strings.Split(good, ".")
	raw := base64.RawURLEncoding
	none := raw.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
	public, err := x509.MarshalPKIXPublicKey(k.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	confused := &signer{id: "k", alg: jose.HS256, hmac: public}
	wrongKind := &signer{id: "e", alg: jose.RS256, key: k.key}
	inHeader := raw.EncodeToString([]byte(`{"alg":"RS256","kid":"k","crit":["x"],"x":1}`)) + "." + parts[1] + "." + parts[2]
	for name, tt := range map[string]struct{ token, want string }{
		"another key of that name":    {other.sign(t, with(aud)), "signature is not right"},
		"a key nobody has":            {stranger.sign(t, with(aud)), "has no such key"},
		"a key of another kind":       {wrongKind.sign(t, with(aud)), "signature is not right"},
		"none":                        {none, "signed in a way that is not taken"},
		"public key as a secret":      {confused.sign(t, with(aud)), "signed in a way that is not taken"},
		"something critical":          {inHeader, "is not"},
		"changed claims":              {parts[0] + "." + raw.EncodeToString([]byte(with(map[string]any{"aud": "vault", "sub": "root"}))) + "." + parts[2], "signature is not right"},
		"cut":                         {good[:len(good)-4], "is not"},
		"two dots":                    {"..", "it is no token"},
		"nonsense":                    {"nonsense", "it is no token"},
		"two tokens":                  {good + "," + good, "it is no token"},
		"JSON form":                   {`{"payload":"x"}`, "it is no token"},
		"too long":                    {strings.Repeat("a", maxToken+1), "at most 16384"},
		"expired":                     {k.sign(t, with(map[string]any{"aud": "vault", "exp": now.Add(-2 * time.Minute).Unix()})), "it has expired"},
		"not valid yet":               {k.sign(t, with(map[string]any{"aud": "vault", "nbf": now.Add(2 * time.Minute).Unix()})), "it is not valid yet"},
		"exp is no number":            {k.sign(t, with(map[string]any{"aud": "vault", "exp": "tomorrow"})), "claim exp is not a time"},
		"exp is absurd":               {k.sign(t, `{"iss":"`+issuer+`","aud":"vault","exp":1e300}`), "claim exp is not a time"},
		"other issuer":                {k.sign(t, with(map[string]any{"iss": "https://evil.example", "aud": "vault"})), "issuer is not known"},
		"no issuer":                   {k.sign(t, with(map[string]any{"iss": nil, "aud": "vault"})), "issuer is not known"},
		"other audience":              {k.sign(t, with(map[string]any{"aud": "web"})), "another audience"},
		"no audience":                 {k.sign(t, with(nil)), "another audience"},
		"no audience of many":         {k.sign(t, with(map[string]any{"aud": []string{"a", "b"}})), "another audience"},
		"claims are a list":           {k.sign(t, `[1]`), "its claims are no JSON object"},
		"claims are null":             {k.sign(t, `null`), "its claims are no JSON object"},
		"claims are followed by more": {k.sign(t, `{}{}`), "its claims are no JSON object"},
	} {
		for range 2 {
			got, err := v.Verify(t.Context(), bearing(tt.token))
			if got != nil || !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %+v, %v; want %q", name, got, err, tt.want)
			}
			if err != nil && len(tt.token) > 8 && strings.Contains(err.Error(), tt.token[len(tt.token)-8:]) {
				t.Errorf("%s: the error quotes the token: %v", name, err)
			}
		}
	}
	for name, claims := range map[string]map[string]any{
		"clock a little behind": {"aud": "till", "nbf": now.Add(50 * time.Second).Unix()},
		"clock a little ahead":  {"aud": "till", "exp": now.Add(-50 * time.Second).Unix()},
		"one of the audiences":  {"aud": []string{"a", "vault"}},
		"no end":                {"aud": "till", "exp": nil},
		"a fraction of time":    {"aud": "till", "exp": float64(now.Unix()) + 100.5},
	} {
		if _, err := v.Verify(t.Context(), bearing(k.sign(t, with(claims)))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhereTokensAreLookedFor(t *testing.T) {
	k := ecSigner(t, "k", elliptic.P256(), jose.ES256)
	keys, tok := set(t, k), k.sign(t, with(nil))
	usual := compile(t, mesh.TokenRule{Issuer: issuer, JWKS: keys})
	own := compile(t, mesh.TokenRule{
		Issuer: issuer, JWKS: keys, FromHeaders: []mesh.TokenHeader{{Name: "x-jwt", Prefix: "Token "}, {Name: "x-bare"}},
		FromParams: []string{"my token"}, FromCookies: []string{"auth"},
	})
	for name, tt := range map[string]struct {
		v    *Verifier
		q    *Request
		want bool
	}{
		"bearer":                    {usual, carrying("/", "authorization", "Bearer "+tok), true},
		"bearer in lower case":      {usual, carrying("/", "authorization", "bearer "+tok), true},
		"basic":                     {usual, carrying("/", "authorization", "Basic "+tok), false},
		"bearer of nothing":         {usual, carrying("/", "authorization", "Bearer "), false},
		"short":                     {usual, carrying("/", "authorization", "B"), false},
		"parameter":                 {usual, carrying("/?a=b&access_token=" + tok + "&c"), true},
		"parameter of another name": {usual, carrying("/?xaccess_token=" + tok), false},
		"cookie is not usual":       {usual, carrying("/", "cookie", "access_token="+tok), false},
		"header":                    {own, carrying("/", "x-jwt", "Token "+tok), true},
		"prefix in other case":      {own, carrying("/", "x-jwt", "token "+tok), false},
		"no prefix asked":           {own, carrying("/", "x-bare", tok), true},
		"bearer is not looked at":   {own, carrying("/", "authorization", "Bearer "+tok), false},
		"escaped parameter":         {own, carrying("/?my%20token=" + tok), true},
		"cookie":                    {own, carrying("/", "cookie", `a=b; auth="`+tok+`"; c=d`), true},
		"cookie in a second field":  {own, carrying("/", "cookie", `a=b,auth=`+tok), true},
		"nothing":                   {own, carrying("/"), false},
	} {
		got, err := tt.v.Verify(t.Context(), tt.q)
		if err != nil || (got != nil) != tt.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for target, want := range map[string]string{
		"/": "/", "/?a=b": "/?a=b", "/?access_token=x": "/", "/?a=b&access_token=x&c=d": "/?a=b&c=d", "/?access%5Ftoken=x&a": "/?a",
		"/?access_token=x&access_token=y": "/",
	} {
		if got := usual.WithoutParams(target); got != want {
			t.Errorf("%s without its token: %s, want %s", target, got, want)
		}
	}
}

// With several issuers, one that takes the token is enough, and a token that none
// takes is refused with what the issuer's own rule says.
func TestSeveralRules(t *testing.T) {
	a, b := ecSigner(t, "k", elliptic.P256(), jose.ES256), ecSigner(t, "k", elliptic.P256(), jose.ES256)
	v := compile(t,
		mesh.TokenRule{Issuer: "a", JWKS: set(t, a), Audiences: []string{"x"}},
		mesh.TokenRule{Issuer: "b", JWKS: set(t, b)},
		mesh.TokenRule{Issuer: "a", JWKS: set(t, a), Audiences: []string{"y"}},
	)
	for name, tt := range map[string]struct{ token, want string }{
		"first":         {a.sign(t, with(map[string]any{"iss": "a", "aud": "x"})), "a/ada"},
		"second":        {b.sign(t, with(map[string]any{"iss": "b"})), "b/ada"},
		"third":         {a.sign(t, with(map[string]any{"iss": "a", "aud": "y"})), "a/ada"},
		"wrong key":     {a.sign(t, with(map[string]any{"iss": "b"})), "! signature"},
		"no audience":   {a.sign(t, with(map[string]any{"iss": "a"})), "! audience"},
		"nobody's":      {a.sign(t, with(map[string]any{"iss": "c"})), "! issuer is not known"},
		"first, cached": {a.sign(t, with(map[string]any{"iss": "a", "aud": "x"})), "a/ada"},
	} {
		got, err := v.Verify(t.Context(), bearing(tt.token))
		if want, refused := strings.CutPrefix(tt.want, "! "); refused {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
		} else if err != nil || got.Principal() != tt.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestWhatTheAppAndPoliciesAreTold(t *testing.T) {
	k := ecSigner(t, "k", elliptic.P256(), jose.ES256)
	keys := set(t, k)
	v := compile(t, mesh.TokenRule{
		Issuer: issuer, JWKS: keys, PayloadHeader: "x-payload", SpaceDelimited: []string{"realm.words"},
		ClaimHeaders: []mesh.ClaimHeader{
			{Header: "x-group", Claim: "group"},
			{Header: "x-level", Claim: "realm.level"},
			{Header: "x-admin", Claim: "admin"},
			{Header: "x-none", Claim: "realm.none"},
			{Header: "x-bad", Claim: "bad"},
			{Header: "x-dotted", Claim: "a.b"},
			{Header: "x-list", Claim: "scope"},
		},
	})
	payload := with(map[string]any{
		"group": "ops", "admin": true, "bad": "a\r\nb: c", "a.b": "dotted", "scope": []string{"read all", "write"}, "permission": "p q",
		"realm": map[string]any{"level": 7, "words": "x y", "plain": "x y"},
	})
	got, err := v.Verify(t.Context(), bearing(k.sign(t, payload)))
	if err != nil {
		t.Fatal(err)
	}
	set := func(name, value string) route.Edit { return route.Edit{Op: route.Set, Name: name, Value: value} }
	strip := v.Strip()
	if len(strip) != 8 || strip[0] != (route.Edit{Op: route.Remove, Name: "x-payload"}) {
		t.Errorf("strips %+v", strip)
	}
	want := append(append([]route.Edit{}, strip...),
		route.Edit{Op: route.Remove, Name: "authorization"},
		set("x-payload", base64.RawURLEncoding.EncodeToString([]byte(payload))),
		set("x-group", "ops"), set("x-level", "7"), set("x-admin", "true"), set("x-dotted", "dotted"),
	)
	if diff := cmp.Diff(want, got.Edits); diff != "" {
		t.Errorf("edits (-want +got):\n%s", diff)
	}
	for path, want := range map[string][]string{
		"group": {"ops"}, "scope": {"read", "all", "write"}, "permission": {"p", "q"},
		"realm/words": {"x", "y"}, "realm/plain": {"x y"}, "realm/level": nil, "realm": nil, "none/x": nil, "group/x": nil,
	} {
		if diff := cmp.Diff(want, got.Strings(strings.Split(path, "/"))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	kept := compile(t, mesh.TokenRule{Issuer: issuer, JWKS: keys, Forward: true})
	if got, err := kept.Verify(t.Context(), bearing(k.sign(t, with(nil)))); err != nil || len(got.Edits) != 0 || !kept.Forwards() {
		t.Errorf("a token that is forwarded: %+v, %v", got, err)
	}
	nameless, err := kept.Verify(t.Context(), bearing(k.sign(t, with(map[string]any{"sub": nil}))))
	if err != nil || nameless.Principal() != "" {
		t.Errorf("a token of no subject: %+v, %v", nameless, err)
	}
}

func TestCompileRefuses(t *testing.T) {
	k := ecSigner(t, "k", elliptic.P256(), jose.ES256)
	private, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: k.key}}})
	if err != nil {
		t.Fatal(err)
	}
	for want, r := range map[string]mesh.TokenRule{
		"no issuer":                     {JWKS: set(t, k)},
		"either jwks or jwksUri":        {Issuer: "a"},
		"want either":                   {Issuer: "a", JWKS: set(t, k), JWKSURI: "https://x"},
		`jwksUri "http://x"`:            {Issuer: "a", JWKSURI: "http://x"},
		`jwksUri "https://"`:            {Issuer: "a", JWKSURI: "https://"},
		"jwks: key set is no JSON":      {Issuer: "a", JWKS: "x"},
		"no public key to verify":       {Issuer: "a", JWKS: `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`},
		"key set has no public key":     {Issuer: "a", JWKS: string(private)},
		"at most 100":                   {Issuer: "a", JWKS: `{"keys":[` + strings.Repeat("{},", maxKeys) + `{}]}`},
		`rule 1, issuer "b": want eith`: {Issuer: "b"},
	} {
		rules := []mesh.TokenRule{r}
		if strings.HasPrefix(want, "rule 1") {
			rules = []mesh.TokenRule{{Issuer: "a", JWKS: set(t, k)}, r}
		}
		if _, err := Compile(rules, newFetcher(nil, nil)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestCacheIsBoundedAndExpires(t *testing.T) {
	k := ecSigner(t, "k", elliptic.P256(), jose.ES256)
	v := compile(t, mesh.TokenRule{Issuer: issuer, JWKS: set(t, k)})
	keys := v.rules[0].keys.now()
	for i := range 4 * generation * shards {
		v.cache.put(key{sum: [32]byte{byte(i), byte(i >> 8), byte(i >> 16)}}, keys, &Verified{})
	}
	n := 0
	for i := range v.cache.shards {
		n += len(v.cache.shards[i].young) + len(v.cache.shards[i].old)
	}
	if n > 2*generation*shards {
		t.Errorf("%d tokens are remembered", n)
	}
	tok := k.sign(t, with(nil))
	v.cache.put(keyOf(&v.rules[0], tok), keys, &Verified{until: time.Now().Add(-time.Second)})
	if _, err := v.Verify(t.Context(), bearing(tok)); !errors.Is(err, errExpired) {
		t.Errorf("a remembered token that has expired since: %v", err)
	}
	v.cache.put(keyOf(&v.rules[0], tok), &keySet{}, &Verified{principal: "old"})
	if got, err := v.Verify(t.Context(), bearing(tok)); err != nil || got.Principal() == "old" {
		t.Errorf("a token remembered from other keys: %+v, %v", got, err)
	}
}

func TestRememberedTokensCostNoAllocation(t *testing.T) {
	k := ecSigner(t, "k", elliptic.P256(), jose.ES256)
	v := compile(t, mesh.TokenRule{Issuer: issuer, JWKS: set(t, k), PayloadHeader: "x-payload"})
	q, ctx := bearing(k.sign(t, with(nil))), t.Context()
	if _, err := v.Verify(ctx, q); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := v.Verify(ctx, q); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzVerify(f *testing.F) {
	k := ecSigner(f, "k", elliptic.P256(), jose.ES256)
	good := k.sign(f, with(nil))
	v, err := Compile([]mesh.TokenRule{{Issuer: issuer, JWKS: set(f, k)}, {Issuer: "b", JWKS: set(f, k), FromCookies: []string{"c"}, FromParams: []string{"p"}}}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("Bearer "+good, "c="+good, "/?p="+good)
	f.Add("bearer ..", `c="x`, "/?access_token=%")
	f.Fuzz(func(t *testing.T, authorization, jar, target string) {
		got, err := v.Verify(t.Context(), carrying(target, "authorization", authorization, "cookie", jar))
		if got != nil && !strings.Contains(authorization+target+jar, good[:strings.LastIndexByte(good, '.')]) {
			t.Errorf("took what was never signed: %q %q %q", authorization, jar, target)
		}
		_ = err
		bare := v.WithoutParams(target)
		if v.WithoutParams(bare) != bare {
			t.Errorf("%q: %q is not bare", target, bare)
		}
	})
}
