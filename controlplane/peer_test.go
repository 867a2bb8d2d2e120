package controlplane

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestInterruptAfterTheCall interrupts a call that has ended: HTTP/2's response
// writer is no longer there then.
func TestInterruptAfterTheCall(t *testing.T) {
	t.Parallel()
	late := make(chan func(), 1)
	srv := httptest.NewUnstartedServer(withCaller(nobody, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		late <- callerOf(r.Context()).interrupt
	})))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	res, err := srv.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || res.ProtoMajor != 2 {
		t.Fatalf("close body: %v over %s, want HTTP/2", err, res.Proto)
	}
	(<-late)() // panicked
}

func nobody([]*x509.Certificate) error { return nil }
