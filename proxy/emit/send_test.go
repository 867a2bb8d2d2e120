//go:build !race

package emit

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"testing"
)

// A client of the standard library makes 32 KiB of garbage for each body it sends.
// The race detector has pools forget at random, and a collection empties them.
func TestSendingMakesLittleGarbage(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	s := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if n, err := io.Copy(io.Discard, r.Body); err != nil || n != batchBytes {
			t.Errorf("%d bytes came, %v", n, err)
		}
	}))
	defer s.Close()
	conf := s.Client().Transport.(*http.Transport).TLSClientConfig
	c := testConfig()
	c.Collector = s.URL
	e := New(c, Deps{TLS: conf})
	defer e.sender.client.CloseIdleConnections()
	body := make([]byte, batchBytes)
	post := func() {
		if _, err := e.sender.post(t.Context(), traces, &outgoing{bytes: body}); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 { // connected, and buffers have grown
		post()
	}
	const posts = 50
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range posts {
		post()
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) / posts; got > 24<<10 {
		t.Errorf("%d bytes of garbage for a batch, at both ends", got)
	} else {
		t.Logf("%d bytes of garbage for a batch, at both ends", got)
	}
}
