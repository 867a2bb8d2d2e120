package serve

import (
	"bufio"
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// acknowledged is how long the peer of c takes to say that all has come.
func acknowledged(t *testing.T, c *net.TCPConn) time.Duration {
	t.Helper()
	raw, err := c.SyscallConn()
	must(t, err)
	for began := time.Now(); ; {
		var info *unix.TCPInfo
		must(t, raw.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }))
		must(t, err)
		if took := time.Since(began); info.Unacked == 0 || took > time.Second {
			return took
		}
	}
}

// An app that writes head and body apart with Nagle's algorithm on, as Python's server
// does, waits for the head's acknowledgement; the kernel gives that 40 ms later, unless it
// is asked.
func TestAppThatWritesInPiecesIsAcknowledgedAtOnce(t *testing.T) {
	const usual, measured = 40, 20 // the kernel is quick with the first pieces of a connection
	took := make(chan time.Duration, usual+measured)
	m := newMesh(t, meshConfig{}, app{listen: func(l net.Listener) {
		acceptEach(l, func(nc net.Conn) {
			r := bufio.NewReader(nc)
			for {
				if _, err := http.ReadRequest(r); err != nil {
					return
				}
				send(t, nc, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
				took <- acknowledged(t, nc.(*net.TCPConn))
				send(t, nc, "soup")
			}
		})
	}})
	c := m.client(t)
	least := time.Hour
	for i := range usual + measured {
		get(t, c, "http://reviews/", 200)
		if d := <-took; i >= usual {
			least = min(least, d)
		}
	}
	if least > 30*time.Millisecond {
		t.Errorf("the best of %d heads was acknowledged after %v", measured, least)
	}
}
