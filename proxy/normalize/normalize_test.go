package normalize

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// golden has what becomes of a path in each mode: none, base, merged, decoded.
var golden = [][5]string{
	{"/", "/", "/", "/", "/"},
	{"/app#foo", "/app", "/app", "/app", "/app"},
	{"/app?q#foo", "/app?q", "/app?q", "/app?q", "/app?q"},
	{"/app/", "/app/", "/app/", "/app/", "/app/"},
	{"/app/../admin", "/app/../admin", "/admin", "/admin", "/admin"},
	{"/app//", "/app//", "/app//", "/app/", "/app/"},
	{"/app/%2f", "/app/%2f", "/app/%2f", "/app/%2f", "/app/"},
	{"/app%2f/", "/app%2f/", "/app%2f/", "/app%2f/", "/app/"},
	{"/xyz%30..//abc", "/xyz%30..//abc", "/xyz0..//abc", "/xyz0../abc", "/xyz0../abc"},
	{"/app/%2E./admin", "/app/%2E./admin", "/admin", "/admin", "/admin"},
	{`/app\admin`, `/app\admin`, "/app/admin", "/app/admin", "/app/admin"},
	{`/app/\/\/\admin`, `/app/\/\/\admin`, "/app//////admin", "/app/admin", "/app/admin"},
	{"/%2Fapp%5cadmin%5Cabc", "/%2Fapp%5cadmin%5Cabc", "/%2Fapp%5cadmin%5Cabc", "/%2Fapp%5cadmin%5Cabc", "/app/admin/abc"},
	{
		`/%5Capp%2f%5c%2F%2e%2e%2fadmin%5c\abc`, `/%5Capp%2f%5c%2F%2e%2e%2fadmin%5c\abc`,
		"/%5Capp%2f%5c%2F..%2fadmin%5c/abc", "/%5Capp%2f%5c%2F..%2fadmin%5c/abc", "/app/admin/abc",
	},
	{"/app//../admin", "/app//../admin", "/app/admin", "/app/admin", "/app/admin"},
	{"/app//../../admin", "/app//../../admin", "/admin", "/admin", "/admin"},
	{"/%c0%2e%c0%2e/admin", "/%c0%2e%c0%2e/admin", "/%c0.%c0./admin", "/%c0.%c0./admin", "/%c0.%c0./admin"},
	{"/%c0%2fadmin", "/%c0%2fadmin", "/%c0%2fadmin", "/%c0%2fadmin", "/%c0/admin"},
	{"/..", "/..", "/", "/", "/"},
	{"/a/.", "/a/.", "/a/", "/a/", "/a/"},
	{"/a/..?x=/../", "/a/..?x=/../", "/?x=/../", "/?x=/../", "/?x=/../"},
	{"/a?b=%2e//", "/a?b=%2e//", "/a?b=%2e//", "/a?b=%2e//", "/a?b=%2e//"},
	{"*", "*", "*", "*", "*"},
	{"/%%32e%%32e/a", "/%%32e%%32e/a", "/%%32e%%32e/a", "/%%32e%%32e/a", "/%%32e%%32e/a"},
	{"/%2%66a", "/%2%66a", "/%2%66a", "/%2%66a", "/%2%66a"},
	{"/%", "/%", "/%", "/%", "/%"},
}

// unchanged are paths that look as if they hid something, and must not be touched.
var unchanged = []string{
	"/0x2e0x2e/admin", "/0x2e0x2e0x2fadmin", "/0x2e0x2e0x5cadmin", "/0x2f0x2fadmin", "/0x5c0x5cadmin",
	"/%25c0%25ae%25c1%259cadmin", "/%25c0%25ae%25c0%25ae/admin", "/%25c0%25afadmin", "/%25c1%259cadmin",
	"/%252e%252e/admin", "/%252e%252e%252fadmin", "/%c1%9cadmin", "/%c0%ae%c0%ae/admin", "/%c0%afadmin",
	"/.../admin", "/..../admin", "/..;/admin", "/;/admin", "/admin;a=b", "/admin;a=b/xyz", "/admin,a=b/xyz", "/Admin", "/ADMIN",
}

var modes = []Mode{None, Base, MergeSlashes, DecodeAndMergeSlashes}

func TestPath(t *testing.T) {
	for _, row := range golden {
		for i, m := range modes {
			if got, err := Path(m, row[0]); err != nil || got != row[i+1] {
				t.Errorf("mode %d: %s is %s, %v; want %s", m, row[0], got, err, row[i+1])
			}
		}
	}
	for _, p := range unchanged {
		if got, err := Path(DecodeAndMergeSlashes, p); err != nil || got != p {
			t.Errorf("%s is %s, %v", p, got, err)
		}
	}
}

func TestEveryEscape(t *testing.T) {
	for v := range 256 {
		in := fmt.Sprintf("/admin%%%.2x", v)
		want := in
		switch c := byte(v); {
		case v == 0:
			if _, err := Path(Base, in); !errors.Is(err, ErrNUL) {
				t.Errorf("%s: %v", in, err)
			}
			continue
		case v == '/' || v == '\\':
			want = "/admin/"
		case strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", c) >= 0:
			want = "/admin" + string(rune(v))
		}
		if got, err := Path(DecodeAndMergeSlashes, in); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", in, got, err, want)
		}
	}
}

func TestParse(t *testing.T) {
	for name, want := range map[string]Mode{"": Base, "NONE": None, "BASE": Base, "MERGE_SLASHES": MergeSlashes, "DECODE_AND_MERGE_SLASHES": DecodeAndMergeSlashes} {
		if got, err := Parse(name); err != nil || got != want {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
	if _, err := Parse("base"); err == nil || !strings.Contains(err.Error(), "want NONE, BASE, MERGE_SLASHES or DECODE_AND_MERGE_SLASHES") {
		t.Errorf("err = %v", err)
	}
}

func TestUsualPathsAllocateNothing(t *testing.T) {
	for _, p := range []string{"/", "/productpage?u=normal", "/api/v1/products/0/reviews"} {
		if n := testing.AllocsPerRun(100, func() { Path(DecodeAndMergeSlashes, p) }); n != 0 { //nolint:errcheck // only the cost counts
			t.Errorf("%s: %v allocations", p, n)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, row := range golden {
		f.Add(row[0])
	}
	f.Fuzz(func(t *testing.T, in string) {
		for _, m := range modes {
			out, err := Path(m, in)
			if err != nil {
				continue
			}
			if again, err := Path(m, out); err != nil || again != out {
				t.Fatalf("mode %d: %q is %q, and that is %q, %v", m, in, out, again, err)
			}
			path, _, _ := strings.Cut(out, "?")
			if strings.Contains(out, "#") || m == None || !strings.HasPrefix(in, "/") {
				if strings.Contains(out, "#") {
					t.Fatalf("%q keeps its fragment: %q", in, out)
				}
				continue
			}
			for segment := range strings.SplitSeq(path, "/") {
				if segment == "." || segment == ".." {
					t.Fatalf("mode %d: %q is %q", m, in, out)
				}
			}
			if path[0] != '/' || strings.Contains(path, `\`) || m != Base && strings.Contains(path, "//") {
				t.Fatalf("mode %d: %q is %q", m, in, out)
			}
			if lower := strings.ToLower(path); m == DecodeAndMergeSlashes && (strings.Contains(lower, "%2f") || strings.Contains(lower, "%5c")) {
				t.Fatalf("%q is %q", in, out)
			}
		}
	})
}

func TestNames(t *testing.T) {
	for _, m := range []Mode{Base, MergeSlashes, DecodeAndMergeSlashes, None} {
		if got, err := Parse(m.String()); err != nil || got != m {
			t.Errorf("%d is named %q, which is %d (%v)", m, m, got, err)
		}
	}
}
