package shop

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/sightline-mesh/sightline/loadtest/shop/ratingspb"
)

// serve starts one member and returns its address.
func serve(t *testing.T, c Config) string {
	t.Helper()
	h, done, err := c.handler()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(done)
	s := httptest.NewUnstartedServer(nil)
	s.Config = newServer(h)
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestLeavesAnswer(t *testing.T) {
	f := func(service, method, path string, want int) {
		t.Helper()
		addr := serve(t, Config{Service: service, Version: "v1"})
		req, _ := http.NewRequestWithContext(t.Context(), method, "http://"+addr+path, strings.NewReader("{}"))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s %s of %s = %d, want %d", method, path, service, res.StatusCode, want)
		}
	}
	f("catalog", "GET", "/products", 200)
	f("catalog", "GET", "/products/2", 200)
	f("catalog", "GET", "/products/9", 404)
	f("users", "GET", "/users/7", 200)
	f("payments", "POST", "/charges", 200)
	f("payments", "GET", "/charges", 405)
	f("shipping", "POST", "/quotes", 200)
	f("reviews", "GET", "/reviews/1", 200)
}

func TestUnknownServiceIsRefused(t *testing.T) {
	if _, _, err := (Config{Service: "bakery"}).handler(); err == nil || !strings.Contains(err.Error(), `"bakery"`) {
		t.Fatalf("handler of an unknown service: %v, want an error that names it", err)
	}
}

func TestReviewsAskRatingsOverGRPC(t *testing.T) {
	ratings := serve(t, Config{Service: "ratings", Version: "v1"})
	addr := serve(t, Config{Service: "reviews", Version: "v3", Outbound: ratings})
	res, err := http.Get("http://" + addr + "/reviews/1")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK || !strings.Contains(string(body), `"stars":2`) {
		t.Fatalf("reviews v3 = %d %s, want stars", res.StatusCode, body)
	}
}

func TestRatingsStream(t *testing.T) {
	conn, err := grpc.NewClient(serve(t, Config{Service: "ratings"}), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	s, err := ratingspb.NewRatingsClient(conn).Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"1", "22", "333"} {
		if err := s.Send(&ratingspb.GetRequest{Product: p}); err != nil {
			t.Fatal(err)
		}
		got, err := s.Recv()
		if err != nil || got.GetProduct() != p {
			t.Fatalf("stream answered %v, %v; want %s", got, err, p)
		}
	}
}

func TestFaultChangesAnswers(t *testing.T) {
	addr := serve(t, Config{Service: "payments", Version: "v2"})
	set := func(body string) {
		t.Helper()
		res, err := http.Post("http://"+addr+faultPath, "application/json", strings.NewReader(body))
		if err != nil || res.StatusCode != http.StatusNoContent {
			t.Fatalf("set fault %s: %v %v", body, res, err)
		}
		_ = res.Body.Close()
	}
	charge := func() int {
		t.Helper()
		res, err := http.Post("http://"+addr+"/charges", "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	set(`{"errors":1}`)
	if got := charge(); got != 500 {
		t.Errorf("with every request failing: %d, want 500", got)
	}
	set(`{"errors":1,"status":503}`)
	if got := charge(); got != 503 {
		t.Errorf("with a status asked for: %d, want 503", got)
	}
	set(`{}`)
	if got := charge(); got != 200 {
		t.Errorf("after the fault: %d, want 200", got)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, Config{Service: "users", Listen: addr}) }()
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestReasonOfTheMeshIsHandedOn(t *testing.T) {
	w := httptest.NewRecorder()
	answer(w, nil, &statusError{service: "payments", code: http.StatusServiceUnavailable, reason: "no instance is ready"})
	if w.Code != http.StatusBadGateway || w.Header().Get(reasonHeader) != "no instance is ready" {
		t.Errorf("answer %d %v, want 502 with the mesh's reason", w.Code, w.Header())
	}
}
