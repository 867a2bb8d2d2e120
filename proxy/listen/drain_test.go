package listen

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// A request that comes just when a drain begins is read: the drain interrupts the wait
// for it, and must not interrupt the reading.
func TestDrainDoesNotInterruptARequest(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 200 {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c := newConn(accepted)
		c.Enter(Idle)
		var both sync.WaitGroup
		both.Go(c.drain)
		both.Go(func() { c.Enter(Reading) })
		both.Wait()
		time.AfterFunc(time.Millisecond, func() { io.WriteString(client, "x") }) //nolint:errcheck // the read below tells
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatalf("reading a request that has begun: %v", err)
		}
		client.Close()
		c.Close()
	}
}
