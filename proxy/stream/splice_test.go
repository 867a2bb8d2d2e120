package stream

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"runtime"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sightline-mesh/sightline/proxy/gather"
)

// ends is a stream between two programs on loopback: client and server are theirs,
// result tells when it is over.
type ends struct {
	client, server *net.TCPConn
	result         chan Result
	cut            context.CancelFunc
}

// tcp is the two ends of a connection.
func tcp(t testing.TB) (dialled, accepted *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a.(*net.TCPConn), b.(*net.TCPConn)
}

func start(t testing.TB, cfg Config) *ends {
	t.Helper()
	client, near := tcp(t)
	far, server := tcp(t)
	ctx, cut := context.WithCancel(context.Background())
	e := &ends{client: client, server: server, result: make(chan Result, 1), cut: cut}
	go func() { e.result <- Splice(ctx, near, far, cfg) }()
	t.Cleanup(cut)
	return e
}

func (e *ends) want(t testing.TB, end End, first Side) Result {
	t.Helper()
	select {
	case r := <-e.result:
		if r.End != end || r.First != first {
			t.Errorf("ended %d, first %q, cause %v; want %d, %q", r.End, r.First, r.Cause, end, first)
		}
		return r
	case <-time.After(time.Minute):
		t.Fatal("the stream goes on")
	}
	return Result{}
}

func TestHalfCloseIsCarriedBothWays(t *testing.T) {
	e := start(t, Config{FromClient: []byte("early "), FromServer: []byte("220 hi ")})
	fmt.Fprint(e.client, "question")
	must(t, e.client.CloseWrite())
	if got, err := io.ReadAll(e.server); string(got) != "early question" || err != nil {
		t.Errorf("server got %q, %v", got, err)
	}
	fmt.Fprint(e.server, "a late answer") // although the client has ended its direction
	must(t, e.server.CloseWrite())
	if got, err := io.ReadAll(e.client); string(got) != "220 hi a late answer" || err != nil {
		t.Errorf("client got %q, %v", got, err)
	}
	if r := e.want(t, Orderly, Client); r.In != 14 || r.Out != 20 {
		t.Errorf("counted %d in, %d out", r.In, r.Out)
	}
}

func TestAResetIsNotTakenForAnEnd(t *testing.T) {
	for _, side := range []Side{Client, Server} {
		e := start(t, Config{})
		breaks, other, end := e.client, e.server, ClientBroke
		if side == Server {
			breaks, other, end = e.server, e.client, ServerBroke
		}
		fmt.Fprint(breaks, "x")
		if _, err := io.ReadFull(other, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		must(t, breaks.SetLinger(0))
		must(t, breaks.Close())
		if _, err := other.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s broke: the other side reads %v, want a reset", side, err)
		}
		e.want(t, end, side)
	}
}

// A server that answers and closes before it has read everything is still heard.
func TestLastWordsOfAServerThatStopsReading(t *testing.T) {
	e := start(t, Config{})
	fmt.Fprint(e.server, "no thanks")
	must(t, e.server.CloseRead())
	must(t, e.server.CloseWrite())
	if got, err := io.ReadAll(e.client); string(got) != "no thanks" || err != nil {
		t.Errorf("client got %q, %v", got, err)
	}
	must(t, e.client.CloseWrite())
	e.want(t, Orderly, Server)
}

func TestAStreamEndsWithItsContext(t *testing.T) {
	e := start(t, Config{})
	e.cut()
	if _, err := e.client.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("client reads %v, want a reset", err)
	}
	if r := e.want(t, Cut, Neither); !errors.Is(r.Cause, context.Canceled) {
		t.Errorf("cause %v", r.Cause)
	}
}

func TestIdleStreamsEndAndBusyOnesDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, near := net.Pipe()
		far, server := net.Pipe()
		result := make(chan Result, 1)
		go func() { result <- Splice(t.Context(), near, far, Config{Idle: time.Hour}) }()
		begun := time.Now()
		for range 8 {
			time.Sleep(40 * time.Minute)
			fmt.Fprint(client, "x")
			if _, err := io.ReadFull(server, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
		r := <-result
		if took := time.Since(begun); r.End != Idle || took < 8*40*time.Minute+time.Hour || took > 8*40*time.Minute+75*time.Minute {
			t.Errorf("%+v after %s", r, took)
		}
	})
}

func TestBackPressure(t *testing.T) {
	e := start(t, Config{})
	sent := make(chan int, 1)
	go func() {
		n := 0
		must(t, e.client.SetWriteDeadline(time.Now().Add(500*time.Millisecond)))
		for {
			m, err := e.client.Write(make([]byte, 64<<10))
			if n += m; err != nil {
				sent <- n
				return
			}
		}
	}()
	// The kernel's buffers take some megabytes; without back-pressure it would be all.
	if n := <-sent; n > 64<<20 {
		t.Errorf("%d bytes went to a server that reads none", n)
	}
}

func TestTLSOnOneSide(t *testing.T) {
	clientEnd, near := tcp(t)
	far, serverEnd := tcp(t)
	cert := selfSigned(t)
	inner := make(chan *tls.Conn)
	go func() {
		s := tls.Server(serverEnd, &tls.Config{Certificates: []tls.Certificate{cert}})
		must(t, s.Handshake())
		inner <- s
	}()
	up := tls.Client(gather.New(far), &tls.Config{InsecureSkipVerify: true})
	must(t, up.Handshake())
	server := <-inner
	result := make(chan Result, 1)
	go func() { result <- Splice(context.Background(), near, up, Config{}) }()
	fmt.Fprint(clientEnd, "x")
	must(t, clientEnd.CloseWrite())
	if got, err := io.ReadAll(server); string(got) != "x" || err != nil {
		t.Errorf("server got %q, %v: FIN is to be a close_notify", got, err)
	}
	serverEnd.Close() // without a close_notify: it was cut
	if _, err := clientEnd.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("client reads %v, want a reset", err)
	}
	if r := <-result; r.End != ServerBroke || !errors.Is(r.Cause, gather.ErrCut) {
		t.Errorf("%+v", r)
	}
}

func TestMemoryIsConstant(t *testing.T) {
	e := start(t, Config{})
	const total = 64 << 20
	go func() {
		chunk := make([]byte, 1<<20)
		for range total / len(chunk) {
			if _, err := e.client.Write(chunk); err != nil {
				t.Error(err)
				return
			}
		}
		must(t, e.client.CloseWrite())
	}()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n, err := io.Copy(io.Discard, e.server)
	runtime.ReadMemStats(&after)
	if n != total || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
		t.Errorf("%d bytes were allocated for %d carried", grown, total)
	}
	must(t, e.server.Close())
	if r := e.want(t, Orderly, Client); r.In != total {
		t.Errorf("counted %d", r.In)
	}
}

func TestBuffersSuitTheirReads(t *testing.T) {
	var b buffer
	defer b.free()
	read := func(n int) int {
		space := len(b.next())
		b.saw(n)
		return space
	}
	if got := read(small); got != small {
		t.Errorf("begins with %d", got)
	}
	if got := read(large); got != large {
		t.Errorf("%d after a read that filled the small one", got)
	}
	for range patience {
		if got := read(1); got != large {
			t.Errorf("%d, too soon", got)
		}
	}
	if got := read(1); got != small {
		t.Errorf("%d is kept for small reads", got)
	}
}

func selfSigned(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// must fails the test on an error of something that cannot go wrong.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
