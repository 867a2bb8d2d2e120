package sampling

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func compile(t *testing.T, s mesh.Sampling) *Sampler {
	t.Helper()
	out, err := Compile(&s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func trace(random uint64) (id [16]byte) {
	binary.BigEndian.PutUint64(id[8:], random)
	return id
}

func request(host, path, method string, headers ...string) *Request {
	return &Request{Host: host, Path: path, Method: method, Header: func(name string) (string, bool) {
		for i := 0; i < len(headers); i += 2 {
			if headers[i] == name {
				return headers[i+1], true
			}
		}
		return "", false
	}}
}

func TestShareIsWhatWasAskedFor(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, percentage := range []float64{0, 0.1, 1, 25, 99.9, 100} {
		s := compile(t, mesh.Sampling{Percentage: percentage})
		const n = 200_000
		got := 0
		for range n {
			if s.Sample(trace(random.Uint64()), request("a", "/", "GET")) {
				got++
			}
		}
		share := 100 * float64(got) / n
		if math.Abs(share-percentage) > 0.3 || percentage == 0 && got > 0 || percentage == 100 && got < n {
			t.Errorf("%v %%: got %v %%", percentage, share)
		}
	}
	all := compile(t, mesh.Sampling{Percentage: 100})
	if !all.Sample(trace(math.MaxUint64), request("a", "/", "GET")) {
		t.Error("100 % leaves the greatest id out")
	}
}

// As OpenTelemetry's consistent samplers: the threshold of 25 % is c0000000000000.
func TestTheHighestIDsAreSampled(t *testing.T) {
	s := compile(t, mesh.Sampling{Percentage: 25})
	for random, want := range map[uint64]bool{0: false, 0xbf << 48: false, 0xc0 << 48: true, 0xff << 48: true} {
		if got := s.Sample(trace(random), request("a", "/", "GET")); got != want {
			t.Errorf("%014x: %v, want %v", random, got, want)
		}
	}
}

func TestFirstRuleThatFitsDecides(t *testing.T) {
	s := compile(t, mesh.Sampling{Percentage: 0, Rules: []mesh.SamplingRule{
		{Host: "Checkout", PathPrefix: "/health", Percentage: 0},
		{Host: "checkout", Percentage: 100},
		{PathPrefix: "/pay", Method: "POST", Percentage: 100},
		{Headers: map[string]string{"X-Debug": "1", "x-user": "ada"}, Percentage: 100},
	}})
	for _, tt := range []struct {
		request *Request
		want    bool
	}{
		{request("checkout", "/x", "GET"), true},
		{request("checkout:8080", "/x", "GET"), true},
		{request("CHECKOUT", "/x", "GET"), true},
		{request("checkout", "/health", "GET"), false},
		{request("checkouts", "/x", "GET"), false},
		{request("cart", "/pay/1", "POST"), true},
		{request("cart", "/pay/1", "GET"), false},
		{request("cart", "/", "GET", "x-debug", "1", "x-user", "ada"), true},
		{request("cart", "/", "GET", "x-debug", "1"), false},
		{request("cart", "/", "GET", "x-debug", "2", "x-user", "ada"), false},
	} {
		if got := s.Sample(trace(0), tt.request); got != tt.want {
			t.Errorf("%s %s%s: %v, want %v", tt.request.Method, tt.request.Host, tt.request.Path, got, tt.want)
		}
	}
}

func TestWhatIsKept(t *testing.T) {
	for _, tt := range []struct {
		s      mesh.Sampling
		failed bool
		took   time.Duration
		want   bool
	}{
		{mesh.Sampling{}, true, time.Hour, false},
		{mesh.Sampling{KeepErrors: true}, true, 0, true},
		{mesh.Sampling{KeepErrors: true}, false, time.Hour, false},
		{mesh.Sampling{KeepSlower: time.Second}, false, time.Second, true},
		{mesh.Sampling{KeepSlower: time.Second}, true, time.Second - 1, false},
	} {
		if got := compile(t, tt.s).Keeps(tt.failed, tt.took); got != tt.want {
			t.Errorf("%+v keeps failed=%v after %v: %v", tt.s, tt.failed, tt.took, got)
		}
	}
}

func TestWrongSharesAreRefused(t *testing.T) {
	for want, s := range map[string]mesh.Sampling{
		"percentage: -1":           {Percentage: -1},
		"percentage: 101":          {Percentage: 101},
		"percentage: NaN":          {Percentage: math.NaN()},
		"rules[1]: percentage: 12": {Rules: []mesh.SamplingRule{{}, {Percentage: 120}}},
		"keepSlower: -1s":          {KeepSlower: -time.Second},
	} {
		if _, err := Compile(&s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
