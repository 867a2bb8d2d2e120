package serve

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/normalize"
)

// echoPath answers with the target it was asked for.
var echoPath = app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)     //nolint:errcheck // the answer does not depend on it
	io.WriteString(w, r.RequestURI) //nolint:errcheck // the client sees
})}

func TestPathsAreNormalizedBeforeTheyAreMatchedAndSentOn(t *testing.T) {
	routes := []mesh.Route{
		{Name: "admin", Matches: []mesh.Match{{Path: &mesh.StringMatch{Prefix: "/admin"}}}, Respond: &mesh.DirectResponse{Status: 403}},
		{Name: "rest", Destinations: []mesh.Destination{{Service: "reviews", Weight: 1}}},
	}
	m := newMesh(t, meshConfig{routes: routes, intake: Intake{Paths: normalize.DecodeAndMergeSlashes}}, echoPath)
	for name, c := range map[string]*http.Client{"http/1.1": m.client(t), "h2": m.client2(t)} {
		for _, tt := range []struct {
			path, want string
			status     int
		}{
			{"/x/..%2fadmin", "", 403},
			{"/%61dmin/x", "", 403},
			{"/x//y/./z?a=/../%2f", "/x/y/z?a=/../%2f", 200},
			{"/a%00", "sightline: path has an escaped NUL\n", 400},
		} {
			r := request(t, "GET", "/", nil)
			path, query, _ := strings.Cut(tt.path, "?")
			r.URL.Opaque, r.URL.RawQuery = path, query
			res, body := do(t, c, r)
			if res.Status != tt.status || body != tt.want {
				t.Errorf("%s: %s: %d %q, want %d %q", name, tt.path, res.Status, body, tt.status, tt.want)
			}
		}
	}
}

func TestRequestsThatAreTooLarge(t *testing.T) {
	m := newMesh(t, meshConfig{intake: Intake{MaxHead: 2000, MaxBody: 1000}}, echoPath)
	for name, c := range map[string]*http.Client{"http/1.1": m.client(t), "h2": m.client2(t)} {
		for _, tt := range []struct {
			what   string
			head   int
			body   io.Reader // of unknown length where it is no strings.Reader
			status int
			reason string
		}{
			{"fits", 100, strings.NewReader(strings.Repeat("x", 1000)), 200, ""},
			{"head", 2000, nil, 431, "head of the request is larger than 2000 bytes"},
			{"body", 0, strings.NewReader(strings.Repeat("x", 1001)), 413, "body of the request is larger than 1000 bytes"},
			{"chunks", 0, io.MultiReader(strings.NewReader(strings.Repeat("x", 1001))), 413, "body of the request is larger than 1000 bytes"},
			{"chunks that fit", 0, io.MultiReader(strings.NewReader(strings.Repeat("x", 1000))), 200, ""},
		} {
			r := request(t, "POST", "/", tt.body)
			if tt.head > 0 {
				r.Header.Set("X-Long", strings.Repeat("x", tt.head))
			}
			res, _ := do(t, c, r)
			if res.Status != tt.status {
				t.Errorf("%s: %s: status %d, want %d", name, tt.what, res.Status, tt.status)
			}
			if tt.reason != "" {
				wantFault(t, res, tt.status, "DPE", tt.reason)
			}
		}
	}
}

func TestRequestsThatMoveNoByte(t *testing.T) {
	const idle = 1500 * time.Millisecond
	release := make(chan struct{})
	defer close(release)
	m := newMesh(t, meshConfig{intake: Intake{Idle: idle}}, app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" { // but never still
			for range 9 {
				<-time.After(200 * time.Millisecond)
				io.WriteString(w, "x") //nolint:errcheck // the client sees
				http.NewResponseController(w).Flush()
			}
			return
		}
		io.Copy(io.Discard, r.Body) //nolint:errcheck // it may break off
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})})
	for name, c := range map[string]*http.Client{"http/1.1": m.client(t), "h2": m.client2(t)} {
		start := time.Now()
		res, _ := do(t, c, request(t, "GET", "/", nil))
		wantFault(t, res, 504, "SI", "no byte moved for too long")
		if took := time.Since(start); took < idle {
			t.Errorf("%s: ended after %v", name, took)
		}
		if res, body := do(t, c, request(t, "GET", "/slow", nil)); res.Status != 200 || body != "xxxxxxxxx" {
			t.Errorf("%s: slow: %d %q", name, res.Status, body)
		}
	}
	still, say := io.Pipe()
	defer say.Close()
	go io.WriteString(say, "a part") //nolint:errcheck // the rest never comes
	res, _ := do(t, m.client(t), request(t, "POST", "/", still))
	wantFault(t, res, 408, "SI", "no byte moved for too long")
}

// TestStreamsMayBeQuiet, whatever requests may.
func TestStreamsMayBeQuiet(t *testing.T) {
	const idle = time.Second
	quiet := app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.Header.Get("Accept"))
		io.WriteString(w, "first ") //nolint:errcheck // the client sees
		http.NewResponseController(w).Flush()
		<-time.After(4 * idle)
		io.WriteString(w, "last") //nolint:errcheck // as above
	})}
	for _, protocol := range []mesh.AppProtocol{mesh.HTTP, mesh.HTTP2} {
		m := newMesh(t, meshConfig{intake: Intake{Idle: idle}, protocol: protocol}, quiet)
		var all sync.WaitGroup
		for kind, lives := range map[string]bool{
			"text/event-stream": true, "Text/Event-Stream; charset=utf-8": true, "text/event-streams": false,
		} {
			for name, c := range map[string]*http.Client{"http/1.1": m.client(t), "h2": m.client2(t)} {
				all.Go(func() {
					r := request(t, "GET", "/", nil)
					r.Header.Set("Accept", kind)
					res, err := c.Do(r)
					if err != nil {
						t.Error(err)
						return
					}
					body, err := io.ReadAll(res.Body)
					res.Body.Close()
					if got := err == nil && string(body) == "first last"; got != lives {
						t.Errorf("%s, app of %s, %s: %q, %v; want it to live: %v", name, protocol, kind, body, err, lives)
					}
				})
			}
		}
		all.Wait()
	}
}

// TestQuietCallsLive: a stream of gRPC, and one that has no answer yet, and by default
// any request.
func TestQuietCallsLive(t *testing.T) {
	h := &h2{cfg: &h1Config{}}
	if got := h.patience(time.Time{}); got != 0 {
		t.Errorf("a request may be idle for %v by default, want for ever", got)
	}
	hangs := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		<-time.After(2 * time.Second)
		w.Header().Set("Grpc-Status", "5")
	}
	m := newMesh(t, meshConfig{intake: Intake{Idle: 500 * time.Millisecond}}, app{Handler: http.HandlerFunc(hangs)})
	if s := unary(t.Context(), m, t); s.Code() != codes.NotFound {
		t.Errorf("%v, want the app's own not found", s)
	}
}

func TestWatchIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var ended atomic.Int64
		w := watch{every: time.Second, end: func() { ended.Store(int64(time.Since(start))) }}
		defer w.stop()
		w.begin()
		for range 7 { // a piece every 3 s keeps it going
			time.Sleep(3 * time.Second)
			w.moved.Add(1)
		}
		if ended.Load() != 0 {
			t.Fatalf("ended after %v", time.Duration(ended.Load()))
		}
		time.Sleep(time.Hour)
		if still := time.Duration(ended.Load()) - 21*time.Second; still < 4*time.Second || still > 5*time.Second {
			t.Errorf("ended %v after the last byte, want 4 s and at most a quarter more", still)
		}
		if !w.finish() {
			t.Error("the exchange does not know")
		}

		ended.Store(0)
		w.begin()
		time.Sleep(3 * time.Second)
		if w.finish() {
			t.Error("stalled too early")
		}
		time.Sleep(time.Hour) // idle between requests is not its business
		w.begin()
		time.Sleep(time.Second)
		if ended.Load() != 0 || w.finish() {
			t.Error("an idle connection counted as a request")
		}
	})
}
