package demo

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/load"
)

// busy is a mesh whose store does not answer so many times.
type busy struct{ fails int }

func (b *busy) Get(_ context.Context, path string, _ url.Values, out any) error {
	if path != "/api/v1/pipeline" && b.fails > 0 { // that one is not the store's
		b.fails--
		return errors.New("acquire conn timeout")
	}
	answer := map[string]string{
		"/api/v1/graph":    `{"nodes": [{"id": "users"}], "edges": [{"requests": 10, "mtlsShare": 1}]}`,
		"/api/v1/proxies":  `{"proxies": [{}]}`,
		"/api/v1/events":   `{"events": []}`,
		"/api/v1/pipeline": `{"signals": []}`,
	}[path]
	return json.Unmarshal([]byte(answer), out)
}

func (*busy) Send(context.Context, string, string, any, any) error { return errors.ErrUnsupported }

// A store that is busy when the load ends costs no report; one that stays away does.
func TestReportWaitsForABusyStore(t *testing.T) {
	for fails, want := range map[int]bool{0: true, 5: true, 1 << 20: false} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			p := &play{view: view{&busy{fails}}}
			r, err := p.report(t.Context(), load.Report{})
			if (err == nil) != want || want && (r.Services != 1 || r.Edges != 1 || r.MTLSShare != 1) {
				t.Errorf("%d failures: %+v, %v after %v", fails, r, err, time.Since(began))
			}
		})
	}
}
