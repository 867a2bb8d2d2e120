package serve

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"testing"

	"github.com/sightline-mesh/sightline/proxy/emit"
)

// benchApp answers without net/http, so that what is measured is the mesh.
var benchApp = app{listen: func(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			in := bufio.NewReader(c)
			for {
				for n := 1; n > 0; { // to the empty line
					line, err := in.ReadSlice('\n')
					if err != nil {
						return
					}
					n = len(bytes.TrimSpace(line))
				}
				if _, err := in.Discard(len("hello")); err != nil {
					return
				}
				fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nworld")
			}
		}()
	}
}}

func roundTrips(b *testing.B, addr string) {
	b.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	request := []byte("POST /a HTTP/1.1\r\nHost: reviews\r\nUser-Agent: bench\r\nAccept: */*\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello")
	in := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		for n := 0; !bytes.HasSuffix(in[:n], []byte("world")); {
			m, err := c.Read(in[n:])
			if err != nil {
				b.Fatal(err)
			}
			n += m
		}
	}
}

// The pair of sidecars with mutual TLS between them, against the app alone.
func BenchmarkPair(b *testing.B) {
	m := newMesh(b, meshConfig{}, benchApp)
	m.out.deps.Sink = silent{}
	m.out.handle = m.out.layers()
	m.sidecars[0].in.deps.Sink = silent{}
	m.sidecars[0].in.handle = m.sidecars[0].in.layers()
	roundTrips(b, m.addr)
}

func BenchmarkDirect(b *testing.B) { roundTrips(b, startApp(b, benchApp)) }

// silent is a Sink that forgets.
type silent struct{}

func (silent) Emit(*emit.Record) {}
