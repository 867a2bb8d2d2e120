package serve

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/proxy/http1/corpus"
	"github.com/sightline-mesh/sightline/proxy/normalize"
)

// kept asks over a connection whether it can carry another request.
const kept = "GET /kept HTTP/1.1\r\nHost: reviews\r\nConnection: close\r\n\r\n"

// seen notes the whole requests that an app gets, as net/http reads them.
type seen struct {
	mu  sync.Mutex
	all []string
}

func (s *seen) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil || r.RequestURI == "/kept" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, fmt.Sprint(r.Method, " ", r.RequestURI, " ", n))
}

// take returns what was seen since it was last called.
func (s *seen) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.all
	s.all = nil
	return all
}

// methodsOf guesses the methods of the requests, for what a client has to know of
// them: an answer to HEAD has no body.
func methodsOf(app []string) func() string {
	next := 0
	return func() string {
		next++
		if next <= len(app) && len(app[next-1]) > 4 && app[next-1][:5] == "HEAD " {
			return http.MethodHead
		}
		return http.MethodGet
	}
}

// outcomeOfCase sends a case to c and reports what a client sees. Refusals must say
// that they are the mesh's.
func outcomeOfCase(t *testing.T, c net.Conn, one *corpus.Case) (o corpus.Outcome) {
	t.Helper()
	go c.Write(one.Sent) //nolint:errcheck // what is refused half-way may not be read to its end
	in, method := bufio.NewReader(c), methodsOf(one.App)
	ended := func() bool {
		_, err := in.ReadByte()
		return err != nil
	}
	for range one.Pair.Statuses {
		res, err := finalResponse(in, method()) //nolint:bodyclose // it was read and closed
		if err != nil {
			return o
		}
		o.Statuses = append(o.Statuses, res.StatusCode)
		if res.StatusCode >= 400 && (res.Header.Get("X-Sightline-Flags") == "" || res.Header.Get("X-Sightline-Reason") == "") {
			t.Errorf("%d without flags and a reason: %v", res.StatusCode, res.Header)
		}
	}
	if len(one.Pair.Statuses) == 0 || !one.Pair.Kept {
		if len(one.Pair.Statuses) == 0 {
			<-time.After(20 * time.Millisecond) // the case is to arrive before its end
			closeWrite(c)
		}
		o.Kept = !ended()
		return o
	}
	if _, err := io.WriteString(c, kept); err != nil {
		return o
	}
	res, err := finalResponse(in, http.MethodGet) //nolint:bodyclose // it was read and closed
	if err != nil {
		return o
	}
	o.Kept = res.StatusCode == http.StatusOK && ended()
	return o
}

// finalResponse reads a response to its end, and skips those before it.
func finalResponse(in *bufio.Reader, method string) (*http.Response, error) {
	for {
		res, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return nil, err
		}
		discard(res.Body)
		res.Body.Close()
		if res.StatusCode >= 200 {
			return res, nil
		}
	}
}

func closeWrite(c net.Conn) {
	if h, ok := c.(interface{ CloseWrite() error }); ok {
		h.CloseWrite() //nolint:errcheck // the other side may be first
	}
}

func TestCorpusThroughThePair(t *testing.T) {
	cases, err := corpus.Load("../http1/testdata/corpus")
	if err != nil {
		t.Fatal(err)
	}
	app0 := &seen{}
	m := newMesh(t, meshConfig{intake: Intake{Paths: normalize.None}}, app{Handler: app0})
	for _, one := range cases {
		t.Run(one.Name, func(t *testing.T) {
			c := m.connect(t)
			defer c.Close()
			got := outcomeOfCase(t, c, &one)
			app := app0.take()
			got.Requests = len(app)
			if diff := cmp.Diff(one.Pair, got); diff != "" {
				t.Error(diff)
			}
			if one.App != nil && !slices.Equal(one.App, app) {
				t.Errorf("the app saw %q, want %q", app, one.App)
			}
		})
	}
}
