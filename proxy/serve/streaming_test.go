package serve

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestExpectContinueIsPassedOn(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refuse" {
			w.WriteHeader(http.StatusExpectationFailed)
			return
		}
		copyTo(w, r.Body) // sends the 100
	})})
	for path, want := range map[string]string{
		"/take":   "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
		"/refuse": "HTTP/1.1 417 Expectation Failed\r\n",
	} {
		c := m.connect(t)
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: reviews\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n", path)
		in := bufio.NewReader(c)
		first, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if path == "/take" {
			send(t, c, "hello")
		}
		rest, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := first + string(rest); !strings.HasPrefix(got, want) || (path == "/take") != strings.HasSuffix(got, "hello") {
			t.Errorf("%s: got %q", path, got)
		}
	}
}

func TestInterimResponsesArePassedOn(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</x>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusOK)
	})})
	var hints []string
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		hints = append(hints, strconv.Itoa(code)+h.Get("Link"))
		return nil
	}}
	r := request(t, "GET", "/", nil)
	do(t, m.client(t), r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	if len(hints) != 1 || hints[0] != "103</x>; rel=preload" {
		t.Errorf("got %q", hints)
	}
}

func TestAnswerMayComeBeforeTheEndOfTheRequest(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{listen: func(l net.Listener) {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		must(t, readRequest(c))
		send(t, c, "HTTP/1.1 413 Too Large\r\nContent-Length: 10\r\n\r\ntoo large\n")
		discard(c)
	}})
	c := m.connect(t)
	send(t, c, "POST / HTTP/1.1\r\nHost: reviews\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil) // the body is never ended
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusRequestEntityTooLarge || string(body) != "too large\n" || !res.Close {
		t.Errorf("got %v %q %v", res, body, err)
	}
}

// converse answers each line at once.
func converse(w http.ResponseWriter, r *http.Request) {
	flush := http.NewResponseController(w)
	flush.EnableFullDuplex() //nolint:errcheck // HTTP/2 always is
	w.Header().Set("Trailer", "Grpc-Status")
	flush.Flush()
	in := bufio.NewScanner(r.Body)
	for in.Scan() {
		fmt.Fprintf(w, "you said %s\n", in.Text())
		flush.Flush()
	}
	w.Header().Set("Grpc-Status", "0")
}

func TestBothSidesStreamAtOnce(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(converse)})
	for name, c := range map[string]*http.Client{"http/1.1": m.client(t), "h2": m.client2(t)} {
		t.Run(name, func(t *testing.T) {
			src, say := io.Pipe()
			r := request(t, "POST", "/", src)
			r.Header.Set("Content-Type", "application/grpc")
			res, err := c.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			in := bufio.NewReader(res.Body)
			for i := range 50 {
				fmt.Fprintf(say, "line %d\n", i)
				got, err := in.ReadString('\n')
				if want := fmt.Sprintf("you said line %d\n", i); err != nil || got != want {
					t.Fatalf("got %q, %v, want %q", got, err, want)
				}
			}
			say.Close()
			if rest, err := io.ReadAll(in); err != nil || len(rest) != 0 {
				t.Errorf("got %q, %v", rest, err)
			}
			if got := res.Trailer.Get("Grpc-Status"); got != "0" {
				t.Errorf("grpc-status %q in %v", got, res.Trailer)
			}
		})
	}
}

func TestGRPCStatusOfBothKinds(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		discard(r.Body)
		w.Header().Set("Content-Type", "application/grpc")
		if r.URL.Path == "/head" { // a response without a message
			w.Header().Set("Grpc-Status", "5")
			return
		}
		w.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
		fmt.Fprint(w, "message")
		w.Header().Set("Grpc-Status", "9")
		w.Header().Set("Grpc-Message", "no")
	})})
	c := m.client2(t)
	for i, path := range []string{"/head", "/trailers"} {
		r := request(t, "POST", path, strings.NewReader("x"))
		r.Header.Set("Content-Type", "application/grpc+proto")
		r.Header.Set("Te", "trailers")
		res, _ := do(t, c, r)
		want := []int{5, 9}[i]
		if got := res.Header.Get("Grpc-Status") + res.Trailer.Get("Grpc-Status"); got != strconv.Itoa(want) {
			t.Errorf("%s: grpc-status %q", path, got)
		}
		for _, side := range []*records{m.records, m.sidecars[0].records} {
			if rec := side.await(t, i); rec.Protocol != "grpc" || rec.GRPCStatus != want || rec.BytesIn != 1 || !rec.MTLS {
				t.Errorf("%s: record %+v", path, rec)
			}
		}
	}
	r := request(t, "POST", "/", nil)
	r.Host = "nobody"
	r.Header.Set("Content-Type", "application/grpc")
	res, _ := do(t, c, r)
	if res.Status != 200 || res.Header.Get("Grpc-Status") != "12" || res.Header.Get("X-Sightline-Flags") != "NR" {
		t.Errorf("unknown service: %v", res)
	}
}

func TestHTTP2OfAllShapes(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(echo)})
	c := m.client2(t)
	var all sync.WaitGroup
	for _, n := range []int{0, 1, 1000, 70_000, 1 << 20} {
		for range 8 {
			all.Go(func() {
				body := strings.Repeat("x", n)
				res, got := do(t, c, request(t, "POST", "/p?q=1", io.MultiReader(strings.NewReader(body))))
				if res.Status != 200 || got != body || res.Header.Get("X-Path") != "/p?q=1" {
					t.Errorf("%d bytes: %d, %d bytes back, path %q", n, res.Status, len(got), res.Header.Get("X-Path"))
				}
			})
		}
	}
	all.Wait()
}

func TestHTTP2InstanceThatDiesLosesNoSafeRequest(t *testing.T) {
	m := newMesh(t, meshConfig{}, to(t, "one"), to(t, "two"))
	c := m.client2(t)
	for i := range 100 {
		if i == 50 {
			m.sidecars[0].stop()
		}
		res, body := do(t, c, request(t, "POST", "/", strings.NewReader("x")))
		if res.Status != 200 {
			t.Fatalf("request %d: %d %q", i, res.Status, body)
		}
	}
}

func TestUpgradeBecomesATunnel(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := w.(http.Hijacker).Hijack()
		if err != nil || r.Header.Get("Upgrade") != "websocket" {
			return
		}
		defer c.Close()
		send(t, c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nwelcome ")
		copyTo(c, rw)
		send(t, c, " goodbye")
	})})
	c := m.connect(t)
	send(t, c, "GET / HTTP/1.1\r\nHost: reviews\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly ")
	send(t, c, "and late")
	must(t, c.CloseWrite())
	all, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(all), "\r\n\r\n")
	if !strings.HasPrefix(head, "HTTP/1.1 101 ") || rest != "welcome early and late goodbye" {
		t.Errorf("got %q", all)
	}
	if rec := m.records.await(t, 0); rec.Status != 101 || rec.Flags != "" || rec.BytesIn != 14 {
		t.Errorf("record %+v", rec)
	}
}

func TestClientMayCloseItsHalf(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		<-time.After(500 * time.Millisecond) // longer than it takes to notice
		fmt.Fprintf(w, "%s", body)
	})})
	c := m.connect(t)
	send(t, c, "POST / HTTP/1.1\r\nHost: reviews\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello")
	must(t, c.CloseWrite())
	if all, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(all), "hello") {
		t.Errorf("got %q, %v", all, err)
	}
}

func TestDrainLosesNoRequest(t *testing.T) {
	for name, second := range map[string]bool{"http/1.1": false, "h2": true} {
		t.Run(name, func(t *testing.T) {
			slow := app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				discard(r.Body)
				<-time.After(3 * time.Millisecond)
				send(t, w, "ok")
			})}
			m := newMesh(t, meshConfig{}, slow, slow)
			c := m.client(t)
			if second {
				c = m.client2(t)
			}
			var sent atomic.Int32
			var clients sync.WaitGroup
			halfway := make(chan struct{})
			for range 8 {
				clients.Go(func() {
					for range 25 {
						if sent.Add(1) == 100 {
							close(halfway)
						}
						res, _ := do(t, c, request(t, "POST", "/", strings.NewReader("x")))
						if res.Status != 200 {
							t.Errorf("%d %s", res.Status, res.Header.Get("X-Sightline-Reason"))
						}
					}
				})
			}
			<-halfway
			m.sidecars[0].stop() // the clients go on over it
			clients.Wait()
		})
	}
}

func TestDrainOfTheClientsSidecarLosesNoRequest(t *testing.T) {
	release := make(chan struct{})
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		release <- struct{}{}
		<-release
		send(t, w, "ok")
	})})
	idle := m.connect(t)
	busy := m.connect(t)
	send(t, busy, "GET / HTTP/1.1\r\nHost: reviews\r\n\r\n")
	<-release
	stopped := make(chan struct{})
	go func() { defer close(stopped); m.stop() }()
	if n, err := idle.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("idle connection: %d, %v", n, err)
	}
	release <- struct{}{}
	res, err := http.ReadResponse(bufio.NewReader(busy), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || !res.Close {
		t.Errorf("busy connection: %v", res)
	}
	<-stopped
}

func TestPlaintextAndStrangersAreRefused(t *testing.T) {
	m := newMesh(t, meshConfig{}, to(t, "one"))
	s := m.sidecars[0]
	c, err := net.Dial("tcp", s.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	send(t, c, "GET / HTTP/1.1\r\nHost: reviews\r\n\r\n")
	if got, err := io.ReadAll(c); len(got) > 0 {
		t.Errorf("plaintext got %q, %v", got, err)
	}
	stranger := newAuthority(t).config(t, "stranger")
	for _, cfg := range []*tls.Config{
		{InsecureSkipVerify: true},
		{InsecureSkipVerify: true, Certificates: stranger.Certificates},
	} {
		c, err := tls.Dial("tcp", s.addr.String(), cfg)
		if err == nil {
			_, err = c.Read(make([]byte, 1)) // TLS 1.3 tells of a refused certificate here
			c.Close()
		}
		if err == nil || errors.Is(err, io.EOF) {
			t.Errorf("certificates %d: %v", len(cfg.Certificates), err)
		}
	}
	eventually(t, func() string { return fmt.Sprint(s.in.Refused()) + " counted, of 1 plaintext and 2 unproved" }, func() bool {
		plaintext, unproved := s.in.Refused()
		return plaintext == 1 && unproved == 2
	})
	if away := s.in.TurnedAway(); away.Plaintext != 1 || away.From != "127.0.0.1" || time.Since(away.Last) > time.Minute {
		t.Errorf("it tells of %+v, want one from 127.0.0.1", away)
	}
}
