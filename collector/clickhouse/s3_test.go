package clickhouse

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"
)

// s3Variable names a real S3 server to test with, http://host:port/bucket/prefix, in place of
// the stand-in; its key is in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
const s3Variable = "SIGHTLINE_TEST_S3"

// newS3 is an S3 server that can be cut off: its URL, and the wire.
func newS3(t *testing.T) (string, *wire) {
	t.Helper()
	said := os.Getenv(s3Variable)
	if said == "" {
		t.Setenv("AWS_ACCESS_KEY_ID", "some-id")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "some-secret")
		server := httptest.NewServer(&standIn{objects: map[string][]byte{}})
		t.Cleanup(server.Close)
		said = server.URL + "/bucket/sightline"
	}
	u, err := url.Parse(said)
	if err != nil {
		t.Fatal(err)
	}
	w := newWire(t, u.Host)
	u.Host = w.listener.Addr().String()
	return u.String(), w
}

// standIn is of S3 what the engine asks of it for small files; it believes every signature.
type standIn struct {
	mu      sync.Mutex
	objects map[string][]byte
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	object, ok := s.objects[r.URL.Path]
	switch {
	case r.Method == http.MethodPut:
		s.objects[r.URL.Path] = body
		w.Header().Set("ETag", tagOf(body))
	case r.Method == http.MethodPost && r.URL.Query().Has("delete"):
		s.remove(w, r, body)
	case r.Method == http.MethodDelete:
		delete(s.objects, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	case !ok:
		w.WriteHeader(http.StatusNotFound)
		if r.Method == http.MethodGet {
			fmt.Fprint(w, "<Error><Code>NoSuchKey</Code></Error>")
		}
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		w.Header().Set("ETag", tagOf(object))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(object))
	default:
		w.WriteHeader(http.StatusNotImplemented)
	}
}

func tagOf(b []byte) string {
	h := fnv.New64a()
	h.Write(b)
	return fmt.Sprintf(`"%x"`, h.Sum(nil))
}

func (s *standIn) remove(w http.ResponseWriter, r *http.Request, body []byte) {
	var all struct {
		Keys []string `xml:"Object>Key"`
	}
	if err := xml.Unmarshal(body, &all); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, key := range all.Keys {
		delete(s.objects, r.URL.Path+"/"+key)
		delete(s.objects, r.URL.Path+key)
	}
	fmt.Fprint(w, "<DeleteResult></DeleteResult>")
}

// wire passes connections on until it is cut, and again when it is mended.
type wire struct {
	listener net.Listener
	to       string
	passing  sync.WaitGroup

	mu   sync.Mutex
	cut  bool
	open map[net.Conn]bool
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, to: to, open: map[net.Conn]bool{}}
	w.passing.Go(w.accept)
	t.Cleanup(func() {
		_ = l.Close()
		w.sever()
		w.passing.Wait()
	})
	return w
}

func (w *wire) accept() {
	for {
		c, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.passing.Go(func() { w.pass(c) })
	}
}

func (w *wire) pass(c net.Conn) {
	defer c.Close()
	far, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer far.Close()
	if !w.keep(c) {
		return
	}
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{c, far}, {far, c}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			_, _ = way[0].Close(), way[1].Close()
		})
	}
	both.Wait()
	w.mu.Lock()
	delete(w.open, c)
	w.mu.Unlock()
}

func (w *wire) keep(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[c] = !w.cut
	return !w.cut
}

func (w *wire) sever() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	for c := range w.open {
		_ = c.Close()
	}
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = false
}
