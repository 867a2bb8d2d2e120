//go:build !race

package serve

import (
	"flag"
	"net"
	"testing"
)

// The race detector's own books would be counted too.
var idle = flag.Int("idle", 500, "how many connections TestIdleConnectionsAreCheap has")

// A connection that lies idle holds a goroutine and no buffers.
func TestIdleConnectionsAreCheap(t *testing.T) {
	m := newMesh(t, meshConfig{}, benchApp)
	m.tell(silent{})
	l := loopback(t) // what the clients' ends cost by themselves
	var held []net.Conn
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			held = append(held, c)
		}
	}()
	open := func(addr string, request string) uint64 {
		before := used(t).bytes
		conns := make([]net.Conn, *idle)
		for i := range conns {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			conns[i] = c
			if request != "" {
				send(t, c, request)
				if _, err := c.Read(make([]byte, 1024)); err != nil {
					t.Fatal(err)
				}
			}
		}
		after := used(t).bytes
		for _, c := range conns {
			c.Close()
		}
		return after - min(before, after)
	}
	alone := open(l.Addr().String(), "")
	l.Close()
	<-accepted
	for _, c := range held {
		c.Close()
	}
	each := open(m.addr, "POST / HTTP/1.1\r\nHost: reviews\r\nContent-Length: 2\r\n\r\nhi")
	per := (each - min(alone, each)) / uint64(*idle)
	t.Logf("%d idle connections: %d bytes each", *idle, per)
	if per > 16<<10 {
		t.Errorf("an idle connection takes %d bytes", per)
	}
}
