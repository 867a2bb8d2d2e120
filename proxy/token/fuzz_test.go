package token

import "testing"

// FuzzKeys: a key set comes from whoever answers at jwksUri.
func FuzzKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","kid":"k","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"c2VjcmV0"},{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","use":"sig"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","use":"enc"}]}`))
	f.Add([]byte(`{"keys":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		set, err := parseKeys(raw)
		if err != nil {
			return
		}
		for i := range set.keys {
			if k := &set.keys[i]; !k.IsPublic() || !k.Valid() {
				t.Errorf("key %d is not a public one", i)
			}
		}
	})
}

// FuzzLocate: a token is found wherever the rule looks, and a target that the parameters
// were taken from has none of them.
func FuzzLocate(f *testing.F) {
	f.Add("/?access_token=a.b.c&x=y", "Bearer a.b.c", "t=a.b.c; u=v")
	f.Add("/?%61ccess_token=%zz", "bearer  x ", "u=v,t=\"q\"")
	f.Add("*", "", "")
	r := &rule{
		headers: []header{{name: "authorization", prefix: bearer, anyCase: true}}, params: []string{"access_token"}, cookies: []string{"t"},
	}
	v := &Verifier{params: map[string]bool{"access_token": true}}
	f.Fuzz(func(t *testing.T, target, authorization, cookies string) {
		q := &Request{Target: target, Header: func(name string) (string, bool) {
			if name == "cookie" {
				return cookies, true
			}
			return authorization, name == "authorization"
		}}
		r.find(q)
		bare := v.WithoutParams(target)
		if len(bare) > len(target) || v.WithoutParams(bare) != bare {
			t.Errorf("%q without its tokens is %q", target, bare)
		}
		q.Target = bare
		q.Header = func(string) (string, bool) { return "", false }
		if found := r.find(q); found != "" {
			t.Errorf("%q without its tokens is %q, with %q", target, bare, found)
		}
	})
}
