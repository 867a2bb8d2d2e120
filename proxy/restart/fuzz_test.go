package restart

import (
	"encoding/json"
	"net"
	"strings"
	"testing"
)

// FuzzRequest: what another program of the machine may say on the sidecar's socket is
// read up to a bound, and refused or understood.
func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"program":"/usr/bin/sightline-proxy","args":["run"]}`))
	f.Add([]byte(`{`))
	f.Add([]byte(`[]`))
	f.Add([]byte(`{"args":"no list"}`))
	f.Fuzz(func(t *testing.T, said []byte) {
		near, far := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = far.Write(said)
			_ = far.Close()
		}()
		l := &limited{near, maxRequest}
		var r Request
		err := json.NewDecoder(l).Decode(&r)
		_ = near.Close()
		<-done
		if l.left < 0 {
			t.Errorf("%d bytes too many were read", -l.left)
		}
		if err == nil && len(said) > 0 && said[0] == '[' {
			t.Errorf("%q is taken for a request", said)
		}
		if _, ok := stateIn(string(said)); ok != strings.HasPrefix(string(said), lineState) {
			t.Errorf("%q: a state: %v", said, ok)
		}
	})
}
