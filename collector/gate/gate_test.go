package gate

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a gate before an echoing receiver, all in memory.
type world struct {
	gate *Gate
	l    *listener
	done chan error
	stop context.CancelFunc
}

// open opens a gate in a bubble; everything ends with the returned function.
func open(t *testing.T, c Config, conf *tls.Config) (*world, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &world{l: newListener(), done: make(chan error, 1), stop: cancel}
	w.gate = New(c, Deps{TLS: conf, Dial: dialEcho})
	go func() { w.done <- w.gate.Serve(ctx, w.l) }()
	return w, func() {
		cancel()
		if err := <-w.done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
}

func dialEcho(context.Context, *tls.Conn) (net.Conn, error) {
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		_, _ = io.Copy(far, far)
	}()
	return near, nil
}

// echoes reports whether what is written to c comes back.
func echoes(c net.Conn) error {
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, "POST /v1/traces\n"); err != nil {
		return err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && line != "POST /v1/traces\n" {
		return errors.New("got " + line)
	}
	return err
}

func TestPlaintext(t *testing.T) {
	tests := map[string]struct {
		from  string
		ok    bool
		stats Stats
	}{
		"loopback":        {"127.0.0.1:999", true, Stats{Plaintext: 1}},
		"loopback, IPv6":  {"[::1]:999", true, Stats{Plaintext: 1}},
		"mapped loopback": {"[::ffff:127.0.0.1]:999", true, Stats{Plaintext: 1}},
		"elsewhere":       {"10.0.0.9:999", false, Stats{RefusedPlaintext: 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, end := open(t, Config{}, nil)
				c := w.l.dial(tt.from)
				if err := echoes(c); (err == nil) != tt.ok {
					t.Errorf("echo: %v", err)
				}
				c.Close()
				end()
				if got := w.gate.Stats(); got != tt.stats {
					t.Errorf("stats %+v", got)
				}
			})
		})
	}
}

func TestTLS(t *testing.T) {
	mesh, other := newAuthority(t), newAuthority(t)
	tests := map[string]struct {
		client *tls.Config
		server *tls.Config
		ok     bool
	}{
		"of the mesh":       {mesh.client(t, mesh), mesh.server(t), true},
		"of another domain": {other.client(t, mesh), mesh.server(t), false},
		"no certificate":    {&tls.Config{RootCAs: mesh.pool, ServerName: "collector"}, mesh.server(t), false},
		"lax configuration": {&tls.Config{RootCAs: mesh.pool, ServerName: "collector"}, mesh.lax(t), false},
		"TLS not offered":   {mesh.client(t, mesh), nil, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, end := open(t, Config{}, tt.server)
				raw := w.l.dial("10.0.0.9:999") // from anywhere
				c := tls.Client(raw, tt.client)
				if err := echoes(c); (err == nil) != tt.ok {
					t.Errorf("echo: %v", err)
				}
				raw.Close()
				end()
				want := Stats{TLS: 1}
				if !tt.ok {
					want = Stats{RefusedTLS: 1}
				}
				if got := w.gate.Stats(); got != want {
					t.Errorf("stats %+v", got)
				}
			})
		})
	}
}

// Who watches the clients that proved who they are can end their connections.
func TestProvedConnectionsCanBeEnded(t *testing.T) {
	a := newAuthority(t)
	synctest.Test(t, func(t *testing.T) {
		l, done, proved := newListener(), make(chan error, 1), make(chan *tls.Conn, 1)
		ctx, cancel := context.WithCancel(t.Context())
		g := New(Config{}, Deps{TLS: a.server(t), Dial: dialEcho, Proved: func(c *tls.Conn) { proved <- c }})
		go func() { done <- g.Serve(ctx, l) }()
		raw := l.dial("10.0.0.9:999")
		c := tls.Client(raw, a.client(t, a))
		if err := echoes(c); err != nil {
			t.Fatal(err)
		}
		_ = (<-proved).NetConn().Close()
		if err := echoes(c); err == nil {
			t.Error("the connection stands")
		}
		_ = raw.Close()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

func TestSilentClientIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, end := open(t, Config{Handshake: time.Second}, nil)
		c := w.l.dial("127.0.0.1:999")
		begun := time.Now()
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("read something")
		}
		if took := time.Since(begun); took != time.Second {
			t.Errorf("took %v", took)
		}
		end()
	})
}

func TestConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, end := open(t, Config{Connections: 1}, nil)
		first := w.l.dial("127.0.0.1:1")
		if err := echoes(first); err != nil {
			t.Fatal(err)
		}
		if err := echoes(w.l.dial("127.0.0.1:2")); err == nil {
			t.Error("a second connection passed")
		}
		first.Close()
		synctest.Wait()
		third := w.l.dial("127.0.0.1:3")
		if err := echoes(third); err != nil {
			t.Errorf("after the first ended: %v", err)
		}
		third.Close()
		end()
		if got := w.gate.Stats(); got.RefusedFull != 1 || got.Plaintext != 2 {
			t.Errorf("stats %+v", got)
		}
	})
}

func TestOpenConnectionsHaveTheDrainToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := open(t, Config{Drain: 3 * time.Second}, nil)
		c := w.l.dial("127.0.0.1:1")
		if err := echoes(c); err != nil {
			t.Fatal(err)
		}
		w.stop()
		begun := time.Now()
		time.Sleep(time.Second)
		if err := echoes(c); err != nil {
			t.Errorf("while draining: %v", err)
		}
		if err := <-w.done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("ended after %v", took)
		}
	})
}

func TestReceiverAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, end := open(t, Config{}, nil)
		w.gate.deps.Dial = func(context.Context, *tls.Conn) (net.Conn, error) { return nil, errors.New("refused") }
		if err := echoes(w.l.dial("127.0.0.1:1")); err == nil {
			t.Error("passed")
		}
		end()
		if got := w.gate.Stats(); got.Unreachable != 1 {
			t.Errorf("stats %+v", got)
		}
	})
}

// listener hands out in-memory connections with addresses of their own.
type listener struct {
	conns chan net.Conn
	ended chan struct{}
}

func newListener() *listener {
	return &listener{conns: make(chan net.Conn), ended: make(chan struct{})}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	select {
	case <-l.ended:
	default:
		close(l.ended)
	}
	return nil
}

func (*listener) Addr() net.Addr { return &net.TCPAddr{} }

func (l *listener) dial(from string) net.Conn {
	near, far := net.Pipe()
	l.conns <- &addressed{far, from}
	return near
}

type addressed struct {
	net.Conn
	from string
}

func (a *addressed) RemoteAddr() net.Addr { return address(a.from) }

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

// authority issues certificates for one trust domain.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, pool: x509.NewCertPool()}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(100, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) leaf(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{"collector"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(100, 0, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) server(t *testing.T) *tls.Config {
	t.Helper()
	return &tls.Config{
		Certificates: []tls.Certificate{a.leaf(t)}, MinVersion: tls.VersionTLS13,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.pool,
	}
}

// lax forgets to ask for a certificate.
func (a *authority) lax(t *testing.T) *tls.Config {
	t.Helper()
	return &tls.Config{Certificates: []tls.Certificate{a.leaf(t)}, MinVersion: tls.VersionTLS13}
}

func (a *authority) client(t *testing.T, trusts *authority) *tls.Config {
	t.Helper()
	return &tls.Config{
		Certificates: []tls.Certificate{a.leaf(t)}, RootCAs: trusts.pool,
		ServerName: "collector", MinVersion: tls.VersionTLS13,
	}
}
