package redact

import (
	"net/url"
	"strings"
	"testing"
)

func TestTargets(t *testing.T) {
	p := New(Defaults())
	for target, want := range map[string]string{
		"/":                                    "/",
		"/token=abc":                           "/token=abc",
		"*":                                    "*",
		"/a?":                                  "/a?",
		"/a?page=2":                            "/a?page=2",
		"/a?access_token=abc":                  "/a?access_token=REDACTED",
		"/a?access_token=abc&page=2":           "/a?access_token=REDACTED&page=2",
		"/a?page=2&Password=p%20w&x":           "/a?page=2&Password=REDACTED&x",
		"/a?x=1;token=abc;y=2":                 "/a?x=1;token=REDACTED;y=2",
		"/a?access%5Ftoken=abc":                "/a?access%5Ftoken=REDACTED",
		"/a?access%5ftok%65n=abc&b":            "/a?access%5ftok%65n=REDACTED&b",
		"/a?token":                             "/a?token",
		"/a?token=":                            "/a?token=REDACTED",
		"/a?token=a=b==":                       "/a?token=REDACTED",
		"/a?tokens=3":                          "/a?tokens=REDACTED",
		"/a?next=/b?token=abc&c=d":             "/a?next=/b?token=REDACTED&c=d",
		"/a??token=abc":                        "/a??token=REDACTED",
		"/a?token=1&token=2":                   "/a?token=REDACTED&token=REDACTED",
		"/a?X-Amz-Signature=f00&a=1":           "/a?X-Amz-Signature=REDACTED&a=1",
		"http://h/a?sig=abc":                   "http://h/a?sig=REDACTED",
		"/a?%=1&%4=2&%zz=3&sig%=4":             "/a?%=REDACTED&%4=REDACTED&%zz=REDACTED&sig%=REDACTED", // what is meant is anyone's guess
		"/a?filter%5Bstate%5D=open":            "/a?filter%5Bstate%5D=open",
		"/a?t%256fken=abc":                     "/a?t%256fken=REDACTED",
		"/a?acc%65ss-%6Bey=abc":                "/a?acc%65ss-%6Bey=REDACTED",
		"/a?code=abc&state=1":                  "/a?code=REDACTED&state=1",
		"/a?map_key=abc&keys=1":                "/a?map_key=REDACTED&keys=1",
		"/a?mySessionId=abc":                   "/a?mySessionId=REDACTED",
		"/a?token=abc;def?ghi#jkl&n=1":         "/a?token=REDACTED;?#&n=1",
		"/a?token=abc;n=1;def":                 "/a?token=REDACTED;n=1;def",
		"/a#id_token=abc&n=1":                  "/a#id_token=REDACTED&n=1",
		"/a?n=1#access_token=abc":              "/a?n=1#access_token=REDACTED",
		"/a?#":                                 "/a?#",
		"/a?" + strings.Repeat("n", 65) + "=1": "/a?" + strings.Repeat("n", 65) + "=REDACTED",
		"/a?" + strings.Repeat("n", 200):       "/a?" + strings.Repeat("n", 200),
	} {
		if got := string(p.Append(nil, []byte(target))); got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
	if got := string(new(Params).Append(nil, []byte("/a?token=x"))); got != "/a?token=x" {
		t.Errorf("no names: %s", got)
	}
	if got := string(New([]string{"Ticket"}).Append([]byte("GET "), []byte("/a?ticket=x&token=y&sig=z"))); got != "GET /a?ticket=REDACTED&token=REDACTED&sig=z" {
		t.Errorf("own names: %s", got)
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{"token": true, "": false, "a=b": false, "a&b": false, strings.Repeat("x", 65): false} {
		if Valid(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
	for _, name := range Defaults() {
		if !Valid(name) {
			t.Errorf("default %q is no name", name)
		}
	}
}

func TestPlainTargetsCostNothing(t *testing.T) {
	p, buf := New(Defaults()), make([]byte, 0, 256)
	for _, target := range []string{"/orders/7", "/orders?page=2&size=50", "/orders?page=2&access_token=abc"} {
		if n := testing.AllocsPerRun(100, func() { buf = p.Append(buf[:0], []byte(target)) }); n != 0 {
			t.Errorf("%s: %v allocations", target, n)
		}
	}
}

// FuzzAppend holds the package against the standard library's reading of a query:
// what that takes for a secret parameter's value must not be told.
func FuzzAppend(f *testing.F) {
	f.Add("a=1&token=secretsecret")
	f.Add("access%5Ftoken=secretsecret&b")
	f.Add("%74oken=secretsecret;b=2")
	f.Add("x=1#token=secretsecret;secret&b")
	f.Add("token=#secret")
	p := New(Defaults())
	parted := strings.NewReplacer(";", "&", "?", "&", "#", "&") // the library parts at "&" alone
	f.Fuzz(func(t *testing.T, query string) {
		told := string(p.Append(nil, []byte("/?"+query)))
		values, err := url.ParseQuery(parted.Replace(strings.TrimPrefix(told, "/?")))
		if err != nil {
			return
		}
		for name, all := range values {
			for _, v := range all {
				if v != "" && v != Mask && p.has([]byte(url.QueryEscape(name))) {
					t.Errorf("%q is told as %q: %s=%s", query, told, name, v)
				}
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	p, buf := New(Defaults()), make([]byte, 0, 256)
	for name, target := range map[string]string{"plain": "/api/v1/orders/7", "query": "/api/v1/orders?page=2&access_token=abcdefgh&size=50"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				buf = p.Append(buf[:0], []byte(target))
			}
		})
	}
}
