package cover

import (
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func elem(s string) *mesh.StringMatch { return &mesh.StringMatch{Elements: s} }
func ex(s string) *mesh.StringMatch   { return &mesh.StringMatch{Exact: s} }
func pre(s string) *mesh.StringMatch  { return &mesh.StringMatch{Prefix: s} }
func re(s string) *mesh.StringMatch   { return &mesh.StringMatch{Regex: s} }

func TestTexts(t *testing.T) {
	for _, tt := range []struct {
		a, b *mesh.StringMatch
		want Answer
	}{
		{nil, nil, Yes},
		{nil, re("x+"), Yes},
		{ex("/a"), ex("/a"), Yes},
		{ex("/a"), ex("/A"), No},
		{ex("/a"), pre("/a"), No},
		{ex("/a"), nil, No},
		{pre("/a"), ex("/ab"), Yes},
		{pre("/a"), ex("/b"), No},
		{pre("/a"), pre("/a/b"), Yes},
		{pre("/a/b"), pre("/a"), No},
		{pre("/a"), re("/a/[0-9]+"), Yes},
		{pre("/a"), re("/a|/b"), No},
		{pre("/a"), re("/(a|b)/x"), No},
		{re(".*"), nil, Yes},
		{re("^.*$"), pre("/a"), Yes},
		{re("/a.*"), pre("/a/b"), Yes},
		{re("/a/x"), ex("/a/x"), Yes},
		{re(`/a/\$`), ex("/a/$"), Yes},
		{re("/a/.*"), pre("/a"), No},
		{re("/v[12]/.*"), ex("/v1/x"), Yes},
		{re("/v[12]/.*"), ex("/v3/x"), No},
		{re("/v[12]/.*"), pre("/"), No},
		{re("/v[12]/.*"), pre("/v1/"), Maybe},
		{re("/v[12]/.*"), re("/v1/[a-z]+"), Maybe},
		{re("/v[12]/.*"), re("/v[0-9]/x"), No},
		{re("/v[12]/.*"), re("/v[12]/.*"), Yes},
		{re("(["), ex("/"), No},
		{ex("/a"), re("/[ab]"), No},
		{elem("/a"), ex("/a"), Yes},
		{elem("/a"), ex("/a/b"), Yes},
		{elem("/a"), ex("/ab"), No},
		{elem("/a"), elem("/a/b"), Yes},
		{elem("/a"), elem("/ab"), No},
		{elem("/a"), pre("/a"), No},
		{elem("/a"), pre("/a/"), Yes},
		{pre("/a"), elem("/a"), Yes},
		{pre("/a/"), elem("/a"), No},
		{ex("/a"), elem("/a"), No},
		{re("/a/.+"), elem("/a"), No},
		{re("/[ab].*"), elem("/a"), Maybe},
	} {
		if got := Texts(tt.a, tt.b); got != tt.want {
			t.Errorf("%+v covers %+v: %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestMatches(t *testing.T) {
	headers := func(name string, is *mesh.StringMatch) map[string]*mesh.StringMatch {
		return map[string]*mesh.StringMatch{name: is}
	}
	for name, tt := range map[string]struct {
		a, b mesh.Match
		want Answer
	}{
		"everything":                {mesh.Match{}, mesh.Match{Method: ex("GET")}, Yes},
		"the prefix /":              {mesh.Match{Path: pre("/")}, mesh.Match{Headers: headers("x", nil)}, Yes},
		"a method less":             {mesh.Match{Method: ex("GET")}, mesh.Match{}, No},
		"methods by pattern":        {mesh.Match{Method: re("GET|POST")}, mesh.Match{Method: ex("POST")}, Yes},
		"most methods":              {mesh.Match{Method: re("[A-Z]+")}, mesh.Match{}, Maybe},
		"letters of any case":       {mesh.Match{Path: pre("/A"), IgnoreCase: true}, mesh.Match{Path: ex("/ab")}, Yes},
		"letters of one case":       {mesh.Match{Path: pre("/a")}, mesh.Match{Path: ex("/ab"), IgnoreCase: true}, No},
		"no letters":                {mesh.Match{Path: pre("/1")}, mesh.Match{Path: ex("/12"), IgnoreCase: true}, Yes},
		"a header less":             {mesh.Match{Headers: headers("x", nil)}, mesh.Match{}, No},
		"presence takes a value":    {mesh.Match{Headers: headers("x", nil)}, mesh.Match{Headers: headers("x", ex("1"))}, Yes},
		"a value takes no presence": {mesh.Match{Headers: headers("x", ex("1"))}, mesh.Match{Headers: headers("x", nil)}, No},
		"another header":            {mesh.Match{Headers: headers("x", nil)}, mesh.Match{Headers: headers("y", nil)}, No},
		"a header by prefix":        {mesh.Match{Headers: headers("x", pre("a"))}, mesh.Match{Headers: headers("x", ex("ab"))}, Yes},
		"a parameter":               {mesh.Match{Query: headers("q", ex("1"))}, mesh.Match{Query: headers("q", ex("1"))}, Yes},
		"banned there":              {mesh.Match{Without: headers("x", nil)}, mesh.Match{}, No},
		"banned in both":            {mesh.Match{Without: headers("x", nil)}, mesh.Match{Without: headers("x", nil)}, Yes},
		"banned value, other value": {mesh.Match{Without: headers("x", ex("1"))}, mesh.Match{Headers: headers("x", ex("2"))}, Yes},
		"banned value, that value":  {mesh.Match{Without: headers("x", ex("1"))}, mesh.Match{Headers: headers("x", ex("1"))}, No},
		"banned value, never there": {mesh.Match{Without: headers("x", ex("1"))}, mesh.Match{Without: headers("x", nil)}, Yes},
		"banned, only a value is":   {mesh.Match{Without: headers("x", nil)}, mesh.Match{Without: headers("x", ex("1"))}, No},
		"banned prefix covers":      {mesh.Match{Without: headers("x", ex("ab"))}, mesh.Match{Without: headers("x", pre("a"))}, Yes},
		"port":                      {mesh.Match{Port: 80}, mesh.Match{}, No},
		"same port":                 {mesh.Match{Port: 80}, mesh.Match{Port: 80, Path: pre("/a")}, Yes},
		"a caller's namespace":      {mesh.Match{SourceNamespace: "shop"}, mesh.Match{}, No},
		"any namespace":             {mesh.Match{}, mesh.Match{SourceNamespace: "shop"}, Yes},
		"fewer labels":              {mesh.Match{SourceLabels: map[string]string{"a": "1"}}, mesh.Match{SourceLabels: map[string]string{"a": "1", "b": "2"}}, Yes},
		"other labels":              {mesh.Match{SourceLabels: map[string]string{"a": "1"}}, mesh.Match{SourceLabels: map[string]string{"a": "2"}}, No},
		"scheme":                    {mesh.Match{Scheme: ex("http")}, mesh.Match{}, No},
		"the authority":             {mesh.Match{Authority: pre("a")}, mesh.Match{Authority: ex("a:80")}, Yes},
	} {
		if got := Match(tt.a, tt.b); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

func TestStreams(t *testing.T) {
	tls := func(port uint32, names ...string) mesh.StreamMatch {
		return mesh.StreamMatch{TLS: true, SNI: names, Port: port}
	}
	for _, tt := range []struct {
		a, b mesh.StreamMatch
		want Answer
	}{
		{mesh.StreamMatch{}, tls(0, "a"), Yes},
		{mesh.StreamMatch{Port: 1}, mesh.StreamMatch{}, No},
		{tls(0, "*.shop"), tls(1, "a.shop", "*.b.shop"), Yes},
		{tls(0, "*.shop"), tls(0, "shop"), No},
		{tls(0, "a.shop"), tls(0, "*.shop"), No},
		{tls(0, "*.shop"), tls(0, "*.shop"), Yes},
		{tls(0, "a"), mesh.StreamMatch{}, No},
	} {
		if got := Stream(tt.a, tt.b); got != tt.want {
			t.Errorf("%+v covers %+v: %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
