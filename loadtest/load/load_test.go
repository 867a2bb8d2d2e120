package load

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// answers is a transport that needs no network, so that time can be fake.
type answers func(*http.Request) (*http.Response, error)

func (f answers) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func respond(r *http.Request, code int, header ...string) *http.Response {
	w := httptest.NewRecorder()
	for i := 0; i+1 < len(header); i += 2 {
		w.Header().Set(header[i], header[i+1])
	}
	w.WriteHeader(code)
	res := w.Result()
	res.Request = r
	return res
}

func TestRateIsKeptHoweverSlowTheAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := answers(func(r *http.Request) (*http.Response, error) {
			time.Sleep(3 * time.Second)
			return respond(r, 200), nil
		})
		g, err := New(Config{Rate: 100, Targets: []Target{{Method: "GET", URL: "http://shop/", Share: 1}}}, &http.Client{Transport: slow})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second-time.Millisecond)
		defer cancel()
		g.Run(ctx)
		got := g.Report()
		if got.Requests != 1000 || got.Failed != 0 {
			t.Errorf("10 s at 100/s sent %d, %d failed; want 1000 and 0", got.Requests, got.Failed)
		}
		if p50 := got.Durations.Quantile(0.5); p50 < 2800 || p50 > 3200 {
			t.Errorf("p50 = %.0f ms, want about 3000", p50)
		}
	})
}

func TestFailuresAreToldApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := time.Now()
		tr := answers(func(r *http.Request) (*http.Response, error) {
			switch r.URL.Path {
			case "/app":
				return respond(r, 500), nil
			case "/mesh":
				return respond(r, 503, "x-sightline-reason", "no instance"), nil
			case "/gone":
				return nil, context.DeadlineExceeded
			}
			return respond(r, 404), nil
		})
		var targets []Target
		for _, p := range []string{"/app", "/mesh", "/gone", "/fine"} {
			targets = append(targets, Target{Method: "GET", URL: "http://shop" + p, Share: 1})
		}
		g, err := New(Config{Rate: 400, Targets: targets}, &http.Client{Transport: tr})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		g.Run(ctx)
		r := g.Report()
		if r.ByFailure["status 500"] == 0 || r.ByMesh["no instance"] == 0 || r.Failed >= r.Requests {
			t.Errorf("report %+v: want app, mesh and transport failures, and successes beside them", r)
		}
		apps := r.ByFailure["status 500"]
		if r.ByMesh["no answer"] == 0 || r.Mesh() != r.Failed-apps {
			t.Errorf("mesh failures %v of %d, want all but the app's %d", r.ByMesh, r.Failed, apps)
		}
		if n := r.FailedBetween(at, at.Add(time.Minute)); n != r.Failed {
			t.Errorf("failed within the run %d, want all %d", n, r.Failed)
		}
	})
}

func TestTooManyUnderWayAreSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := answers(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		g, err := New(Config{Rate: 100, InFlight: 10, Timeout: time.Minute, Targets: []Target{{URL: "http://shop/", Share: 1}}}, &http.Client{Transport: hang})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second-time.Millisecond)
		defer cancel()
		g.Run(ctx)
		if r := g.Report(); r.Requests != 10 || r.Skipped != 90 {
			t.Errorf("sent %d, skipped %d; want 10 and 90", r.Requests, r.Skipped)
		}
	})
}

func TestBadConfigIsNamed(t *testing.T) {
	for want, c := range map[string]Config{
		"rate 0":    {},
		"0 targets": {Rate: 1},
	} {
		if _, err := New(c, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New(%+v) = %v, want an error with %q", c, err, want)
		}
	}
}
