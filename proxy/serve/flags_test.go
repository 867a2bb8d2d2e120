package serve

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/proxy/emit"
)

// flagCase is a fault that really happens to a request, and what everybody is told of it.
type flagCase struct {
	name    string
	cfg     meshConfig
	app     app                                 // one that answers 200, if it has nothing
	arrange func(t *testing.T, m *testMesh)     // makes the fault, before the request
	change  func(t *testing.T, r *http.Request) // makes it by the request
	only    string                              // "http1", "h2" or "grpc", or several; empty is all
	warm    bool                                // the connections are there already, so that the time is the app's

	status int    // of HTTP that the caller gets
	grpc   int    // that a caller of gRPC gets
	cut    bool   // the answer breaks off at the caller; with gRPC it ends in grpc
	shown  string // the flags that the caller gets
	reason string // a part of it; as the caller gets it, and the side that says it
	out    told
	in     told // zero: nothing comes that far
}

// told is what one sidecar's record says.
type told struct {
	flags, by string
	reason    string // instead of the caller's, if it is not the same
	grpc      int    // instead of the caller's, if it is not the same
	also      string // what it may find just as well: flags
	orBy      string // who may have found it just as well
}

// plainApp answers with 200, or with what gRPC calls success.
func plainApp(w http.ResponseWriter, r *http.Request) {
	discard(r.Body)
	if r.URL.Path == "/hold" {
		flush(w)
		<-r.Context().Done()
		return
	}
	if isGRPC(r.Header.Get("Content-Type")) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Grpc-Status", "0")
	}
}

// of returns the record of the request with this id, when there is one.
func (r *records) of(t *testing.T, id string) emit.Record {
	t.Helper()
	i := -1
	eventually(t, func() string { return "record of request " + id }, func() bool {
		i = r.index(id)
		return i >= 0
	})
	return r.await(t, i)
}

func (r *records) index(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.IndexFunc(r.all, func(rec emit.Record) bool { return rec.RequestID == id })
}

// TestEachFlagByARealFault makes every fault with real sockets and two sidecars, for
// each protocol that a caller may speak.
func TestEachFlagByARealFault(t *testing.T) {
	for _, c := range slices.Concat(outboundFlags(), inboundFlags(), appFlags()) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // many wait for a time to be over
			for _, protocol := range []string{"http1", "h2", "grpc"} {
				if c.only == "" || slices.Contains(strings.Fields(c.only), protocol) {
					t.Run(protocol, func(t *testing.T) { t.Parallel(); c.run(t, protocol) })
				}
			}
		})
	}
}

func (c flagCase) run(t *testing.T, protocol string) {
	if c.app.Handler == nil && c.app.listen == nil {
		c.app.Handler = http.HandlerFunc(plainApp)
	}
	m := newMesh(t, c.cfg, c.app)
	if c.arrange != nil {
		c.arrange(t, m)
	}
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	r := request(t, http.MethodGet, "/", nil).WithContext(ctx)
	client := m.client(t)
	if protocol != "http1" {
		client = m.client2(t)
	}
	if c.warm {
		get(t, client, "http://reviews/warm", http.StatusOK)
	}
	if protocol == "grpc" {
		r = request(t, http.MethodPost, "/pkg.Service/Method", strings.NewReader("\x00\x00\x00\x00\x00")).WithContext(ctx)
		r.Header.Set("Content-Type", "application/grpc")
	}
	r.Header.Set("X-Request-Id", "this-one")
	if c.change != nil {
		c.change(t, r)
	}
	c.check(t, client, r)
	c.checkRecord(t, "outbound", m.records.of(t, "this-one"), c.out)
	side := m.sidecars[0].records
	if c.in.by == "" {
		if i := side.index("this-one"); i >= 0 {
			t.Errorf("it came as far as the app's sidecar: %+v", side.await(t, i))
		}
		return
	}
	c.checkRecord(t, "inbound", side.of(t, "this-one"), c.in)
}

// check sends the request and looks at what the caller gets.
func (c *flagCase) check(t *testing.T, client *http.Client, r *http.Request) {
	t.Helper()
	res, err := client.Do(r)
	if err != nil {
		if !c.cut || c.status != 0 {
			t.Errorf("the caller got %v", err)
		}
		return
	}
	defer res.Body.Close()
	_, err = io.ReadAll(res.Body)
	status, reason, grpc := c.status, res.Header.Get("X-Sightline-Reason"), isGRPC(r.Header.Get("Content-Type"))
	if grpc {
		status = http.StatusOK
		code := res.Header.Get("Grpc-Status") + res.Trailer.Get("Grpc-Status")
		if code != strconv.Itoa(c.grpc) {
			t.Errorf("the caller got grpc-status %q, want %d", code, c.grpc)
		}
	}
	if res.StatusCode != status || (err != nil) != (c.cut && !grpc) {
		t.Errorf("the caller got %d, %v; want %d", res.StatusCode, err, status)
	}
	if shown := res.Header.Get("X-Sightline-Flags"); shown != c.shown || shown != "" && !strings.Contains(reason, c.reason) {
		t.Errorf("the caller got flags %q for %q, want %q for %q", shown, reason, c.shown, c.reason)
	}
}

func (c *flagCase) checkRecord(t *testing.T, side string, rec emit.Record, want told) {
	t.Helper()
	if want.also != "" && rec.Flags == want.also {
		return
	}
	if want.reason == "" {
		want.reason = c.reason
	}
	if want.orBy != "" && rec.GeneratedBy == want.orBy {
		want.by = want.orBy
	}
	if rec.Flags != want.flags || rec.GeneratedBy != want.by || want.by != "app" && !strings.Contains(rec.Reason, want.reason) {
		t.Errorf("%s: flags %q by %q for %q; want %q by %q for %q", side, rec.Flags, rec.GeneratedBy, rec.Reason, want.flags, want.by, want.reason)
	}
	code := c.grpc
	if want.grpc != 0 {
		code = want.grpc
	}
	if rec.Protocol == "grpc" && rec.GRPCStatus != code {
		t.Errorf("%s: gRPC status %d, want %d", side, rec.GRPCStatus, code)
	}
}

// methods of HTTP look like flags.
var methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "PRI", "HTTP", "RST"}

// TestEveryFlagHasACase holds what the package says in Envoy's letters against the cases.
func TestEveryFlagHasACase(t *testing.T) {
	covered := map[string]bool{}
	for _, c := range slices.Concat(outboundFlags(), inboundFlags(), appFlags()) {
		for f := range strings.SplitSeq(c.out.flags+","+c.in.flags, ",") {
			covered[f] = true
		}
	}
	for _, c := range streamFlags() {
		for f := range strings.SplitSeq(c.out+","+c.in, ",") {
			covered[f] = true
		}
	}
	for flag, where := range writtenFlags(t) {
		if !covered[flag] {
			t.Errorf("%s: no case of TestEachFlagByARealFault or of TestEachFlagOfStreams brings the flag %s", where, flag)
		}
	}
}

// writtenFlags are the texts of the package's source that look like a flag.
func writtenFlags(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found, fset, looks := map[string]string{}, token.NewFileSet(), regexp.MustCompile(`^[A-Z]{2,5}$`)
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if s, err := strconv.Unquote(l.Value); err == nil && looks.MatchString(s) && !slices.Contains(methods, s) {
					found[s] = fset.Position(l.Pos()).String()
				}
			}
			return true
		})
	}
	if len(found) < 15 {
		t.Fatalf("only %d flags found: %v", len(found), found)
	}
	return found
}
