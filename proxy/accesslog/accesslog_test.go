package accesslog

import (
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func on(op mesh.LogOp, attribute, text string) mesh.LogTest {
	return mesh.LogTest{Op: op, Attribute: attribute, Text: text}
}

func num(op mesh.LogOp, attribute string, n float64) mesh.LogTest {
	return mesh.LogTest{Op: op, Attribute: attribute, Number: n}
}

func both(op mesh.LogOp, of ...mesh.LogTest) mesh.LogTest { return mesh.LogTest{Op: op, Of: of} }

func TestWhatIsWritten(t *testing.T) {
	q := Request{
		Method: "GET", Path: "/a/b?c", Host: "reviews", UserAgent: "curl", ID: "1", Protocol: "HTTP/2", Size: 10, ResponseSize: 20,
		Code: 404, GRPCStatus: -1, Took: 1500 * time.Millisecond, MTLS: true,
		Header: func(name string) (string, bool) { return "ada", name == "x-user" },
	}
	stream := Request{GRPCStatus: -1, Size: 10}
	mtls := mesh.LogTest{Op: mesh.LogTrue, Attribute: "connection.mtls"}
	absent := on(mesh.LogEqual, "request.headers[x-other]", "a")
	for name, tt := range map[string]struct {
		test           mesh.LogTest
		request, bytes bool // whether each is written
	}{
		"code":                   {num(mesh.LogAtLeast, "response.code", 400), true, false},
		"another code":           {num(mesh.LogEqual, "response.code", 200), false, false},
		"less":                   {num(mesh.LogLess, "response.size", 20), false, true},
		"at most":                {num(mesh.LogAtMost, "response.size", 20), true, true},
		"duration":               {num(mesh.LogMore, "request.duration", 1.4), true, false},
		"size":                   {num(mesh.LogEqual, "request.size", 10), true, true},
		"mtls":                   {mtls, true, false},
		"not mtls":               {both(mesh.LogNot, mtls), false, true},
		"path":                   {on(mesh.LogSuffix, "request.path", "?c"), true, false},
		"path without query":     {on(mesh.LogEqual, "request.url_path", "/a/b"), true, false},
		"host":                   {on(mesh.LogContains, "request.host", "view"), true, false},
		"method":                 {mesh.LogTest{Op: mesh.LogIn, Attribute: "request.method", Texts: []string{"PUT", "GET"}}, true, false},
		"codes":                  {mesh.LogTest{Op: mesh.LogIn, Attribute: "response.code", Numbers: []float64{403, 404}}, true, false},
		"protocol":               {on(mesh.LogPrefix, "request.protocol", "HTTP/"), true, false},
		"regular expression":     {on(mesh.LogMatches, "request.useragent", "^cu.l$"), true, false},
		"header":                 {on(mesh.LogEqual, "request.headers[x-user]", "ada"), true, false},
		"has header":             {on(mesh.LogHas, "request.headers[x-user]", ""), true, false},
		"has not":                {both(mesh.LogNot, on(mesh.LogHas, "request.headers[x-other]", "")), true, true},
		"absent":                 {absent, false, false},
		"not absent":             {both(mesh.LogNot, absent), false, false},
		"absent or true":         {both(mesh.LogOr, absent, num(mesh.LogAtLeast, "request.size", 1)), true, true},
		"absent or false":        {both(mesh.LogOr, absent, num(mesh.LogLess, "request.size", 1)), false, false},
		"absent and true":        {both(mesh.LogAnd, absent, num(mesh.LogAtLeast, "request.size", 1)), false, false},
		"not (absent and false)": {both(mesh.LogNot, both(mesh.LogAnd, absent, num(mesh.LogLess, "request.size", 1))), true, true},
		"grpc":                   {on(mesh.LogHas, "response.grpc_status", ""), false, false},
	} {
		r, err := Compile(&mesh.AccessLog{Only: &tt.test})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.Writes(&q) != tt.request || r.Writes(&stream) != tt.bytes {
			t.Errorf("%s: writes %v of a request and %v of a stream, want %v and %v", name, r.Writes(&q), r.Writes(&stream), tt.request, tt.bytes)
		}
	}
}

func TestFailuresAreWrittenUnlessThePolicySaysSo(t *testing.T) {
	never := num(mesh.LogLess, "request.size", 0)
	for name, tt := range map[string]struct {
		says         *mesh.AccessLog
		well, failed bool
	}{
		"nothing said":      {nil, true, true},
		"nothing set":       {&mesh.AccessLog{}, true, true},
		"off":               {&mesh.AccessLog{Off: true}, false, true},
		"off, errors too":   {&mesh.AccessLog{Off: true, DropErrors: true}, false, false},
		"filter":            {&mesh.AccessLog{Only: &never}, false, true},
		"filter for errors": {&mesh.AccessLog{Only: &never, DropErrors: true}, false, false},
	} {
		r, err := Compile(tt.says)
		if err != nil {
			t.Fatal(err)
		}
		if r.Writes(&Request{}) != tt.well || r.Writes(&Request{Failed: true}) != tt.failed {
			t.Errorf("%s: %v and %v, want %v and %v", name, r.Writes(&Request{}), r.Writes(&Request{Failed: true}), tt.well, tt.failed)
		}
	}
}

func TestWhatDoesNotCompile(t *testing.T) {
	deep := num(mesh.LogEqual, "request.size", 1)
	for range deepest + 1 {
		deep = both(mesh.LogNot, deep)
	}
	for want, test := range map[string]mesh.LogTest{
		`"==" of "request.colour" is not known`: on(mesh.LogEqual, "request.colour", "red"),
		`"~" of "request.path" is not known`:    on("~", "request.path", "a"),
		`"<" of "request.path" is not known`:    num(mesh.LogLess, "request.path", 1),
		`"not" of 0 tests`:                      both(mesh.LogNot),
		`"and" of 0 tests`:                      both(mesh.LogAnd),
		"missing closing":                       on(mesh.LogMatches, "request.path", "("),
		"deep in each other":                    deep,
	} {
		if _, err := Compile(&mesh.AccessLog{Only: &test}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// Every attribute that the control plane lets through is known here.
func TestEveryAttributeIsKnown(t *testing.T) {
	for name, sort := range mesh.LogAttributes {
		test := on(mesh.LogHas, name, "")
		if sort == mesh.LogBool {
			test.Op = mesh.LogTrue
		}
		if _, err := Compile(&mesh.AccessLog{Only: &test}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
