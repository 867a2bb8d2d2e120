package shop

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"
)

// Fault is how a member misbehaves. The zero value is good behaviour.
type Fault struct {
	Errors  float64 `json:"errors"`   // share of requests answered with 500
	DelayMS int     `json:"delay_ms"` // added before every answer
	Status  int     `json:"status"`   // instead of 500
}

// fault applies the present Fault around a handler, and is itself the handler that
// changes it.
type fault struct {
	now    atomic.Pointer[Fault]
	served atomic.Int64
}

// ServeHTTP replaces the fault by the one in the body.
func (f *fault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var next Fault
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&next); err != nil {
		http.Error(w, "decode fault: "+err.Error(), http.StatusBadRequest)
		return
	}
	f.now.Store(&next)
	w.WriteHeader(http.StatusNoContent)
}

func (f *fault) around(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.served.Add(1)
		is := f.now.Load()
		if is == nil {
			h.ServeHTTP(w, r)
			return
		}
		if is.DelayMS > 0 {
			select {
			case <-time.After(time.Duration(is.DelayMS) * time.Millisecond):
			case <-r.Context().Done():
				return
			}
		}
		if rand.Float64() < is.Errors {
			code := is.Status
			if code == 0 {
				code = http.StatusInternalServerError
			}
			http.Error(w, "injected fault", code)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// count answers how many requests the member has had, for tests that compare it with
// what the mesh says.
func (f *fault) count(w http.ResponseWriter, _ *http.Request) {
	_, _ = fmt.Fprintln(w, f.served.Load())
}
