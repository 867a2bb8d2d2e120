package serve

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sightline-mesh/sightline/proxy/emit"
)

// benchApp sends bodies back without net/http and, but for its buffer, without
// allocating, so that what is measured is the mesh.
var benchApp = app{listen: func(l net.Listener) { acceptEach(l, echoBodies) }}

func echoBodies(c net.Conn) {
	in := bufio.NewReaderSize(c, 40<<10)
	out := make([]byte, 0, 70<<10)
	for {
		length := 0
		for n := 1; n > 0; { // to the empty line
			line, err := in.ReadSlice('\n')
			if err != nil {
				return
			}
			line = bytes.TrimSpace(line)
			n = len(line)
			if digits, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
				length = 0
				for _, d := range digits {
					length = 10*length + int(d-'0')
				}
			}
		}
		out = append(out[:0], "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: "...)
		out = append(strconv.AppendInt(out, int64(length), 10), "\r\n\r\n"...)
		head := len(out)
		out = slices.Grow(out, length)[:head+length]
		if _, err := io.ReadFull(in, out[head:]); err != nil {
			return
		}
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}

// caller sends one request after the other over a connection.
type caller struct {
	c       net.Conn
	request []byte
	end     []byte // what an answer ends with
	in      []byte
}

func dialCaller(tb testing.TB, addr string, size int) *caller {
	tb.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	body := strings.Repeat("x", size-1) + "$"
	return &caller{
		c: c, end: []byte(body), in: make([]byte, size+4096),
		request: fmt.Appendf(nil, "POST /a HTTP/1.1\r\nHost: reviews\r\nUser-Agent: bench\r\nAccept: */*\r\n"+
			"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", size, body),
	}
}

func (c *caller) once() error {
	if _, err := c.c.Write(c.request); err != nil {
		return err
	}
	for n := 0; !bytes.HasSuffix(c.in[:n], c.end); {
		m, err := c.c.Read(c.in[n:])
		if err != nil {
			return err
		}
		n += m
	}
	return nil
}

// busy has so many connections send b.N requests.
func busy(b *testing.B, addr string, size, connections int) {
	b.Helper()
	callers := make([]*caller, connections)
	for i := range callers {
		callers[i] = dialCaller(b, addr, size)
		must(b, callers[i].once())
	}
	b.ReportAllocs()
	b.ResetTimer()
	var all sync.WaitGroup
	for i, c := range callers {
		n := b.N / connections
		if i == 0 {
			n += b.N % connections
		}
		all.Go(func() {
			for range n {
				if err := c.once(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
}

// The pair of sidecars with mutual TLS between them.
func BenchmarkPair(b *testing.B) {
	for _, size := range []int{128, 16 << 10, 256 << 10} {
		for _, connections := range []int{1, 64} {
			b.Run(fmt.Sprintf("%d bytes/%d connections", size, connections), func(b *testing.B) {
				m := newMesh(b, meshConfig{}, benchApp)
				m.tell(silent{})
				busy(b, m.addr, size, connections)
			})
		}
	}
}

// The app alone.
func BenchmarkDirect(b *testing.B) { busy(b, startApp(b, benchApp), 128, 1) }

// tell makes both sides of the mesh tell the sink of their requests.
func (m *testMesh) tell(s emit.Sink) {
	m.records.instead.Store(&s)
	for _, one := range m.sidecars {
		one.records.instead.Store(&s)
	}
}

// silent is a Sink that forgets.
type silent struct{}

func (silent) Emit(*emit.Record) {}
func (silent) Open(*emit.Record) {}
