package serve

import (
	"bytes"
	"io"
	"net"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// headerBlock encodes names and values by turns, without a table.
func headerBlock(nameValue ...string) []byte {
	var b bytes.Buffer
	enc := hpack.NewEncoder(&b)
	enc.SetMaxDynamicTableSize(0)
	for i := 0; i+1 < len(nameValue); i += 2 {
		enc.WriteField(hpack.HeaderField{Name: nameValue[i], Value: nameValue[i+1]}) //nolint:errcheck // into memory
	}
	return b.Bytes()
}

// grpcMessageBytes is a message of gRPC with 32 bytes in it.
var grpcMessageBytes = append([]byte{0, 0, 0, 0, 32}, make([]byte, 32)...)

// benchGRPC answers unary calls without any engine, so that what is measured is the
// mesh.
var benchGRPC = app{listen: func(l net.Listener) {
	head := headerBlock(":status", "200", "content-type", "application/grpc")
	trailers := headerBlock("grpc-status", "0")
	acceptEach(l, func(c net.Conn) {
		var out bytes.Buffer
		in := http2.NewFramer(&out, c)
		in.SetReuseFrames()
		io.ReadFull(c, make([]byte, len(http2.ClientPreface))) //nolint:errcheck // the next read tells
		in.WriteSettings()                                     //nolint:errcheck // into memory
		for {
			if out.Len() > 0 {
				if _, err := c.Write(out.Bytes()); err != nil {
					return
				}
				out.Reset()
			}
			f, err := in.ReadFrame()
			if err != nil {
				return
			}
			fh := f.Header()
			if s, ok := f.(*http2.SettingsFrame); ok && !s.IsAck() {
				in.WriteSettingsAck() //nolint:errcheck // into memory
			}
			if fh.Type == http2.FrameData && fh.Length > 0 {
				in.WriteWindowUpdate(0, fh.Length) //nolint:errcheck // into memory
			}
			if fh.StreamID != 0 && fh.Flags.Has(http2.FlagDataEndStream) {
				in.WriteHeaders(http2.HeadersFrameParam{StreamID: fh.StreamID, BlockFragment: head, EndHeaders: true})                      //nolint:errcheck // into memory
				in.WriteData(fh.StreamID, false, grpcMessageBytes)                                                                          //nolint:errcheck // into memory
				in.WriteHeaders(http2.HeadersFrameParam{StreamID: fh.StreamID, BlockFragment: trailers, EndHeaders: true, EndStream: true}) //nolint:errcheck // into memory
			}
		}
	})
}}

// calls makes unary calls, width of them at a time on one connection.
func calls(b *testing.B, addr string, width int) {
	b.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	var out bytes.Buffer
	fr := http2.NewFramer(&out, c)
	fr.SetReuseFrames()
	io.WriteString(&out, http2.ClientPreface) //nolint:errcheck // into memory
	fr.WriteSettings()                        //nolint:errcheck // into memory
	head := headerBlock(":method", "POST", ":scheme", "http", ":path", "/shop.Cart/Add", ":authority", "reviews",
		"content-type", "application/grpc", "user-agent", "bench", "te", "trailers")
	id := uint32(1)
	b.ReportAllocs()
	for b.Loop() {
		for range width {
			fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: head, EndHeaders: true}) //nolint:errcheck // into memory
			fr.WriteData(id, true, grpcMessageBytes)                                                      //nolint:errcheck // into memory
			id += 2
		}
		fr.WriteWindowUpdate(0, uint32(width*len(grpcMessageBytes))) //nolint:errcheck // into memory
		if _, err := c.Write(out.Bytes()); err != nil {
			b.Fatal(err)
		}
		out.Reset()
		for done := 0; done < width; {
			f, err := fr.ReadFrame()
			if err != nil {
				b.Fatal(err)
			}
			fh := f.Header()
			switch {
			case fh.Type == http2.FrameRSTStream || fh.Type == http2.FrameGoAway:
				b.Fatalf("got %v", f)
			case fh.Type == http2.FrameHeaders && fh.Flags.Has(http2.FlagHeadersEndStream):
				done++
			}
		}
	}
}

func benchPairGRPC(b *testing.B, width int) {
	m := newMesh(b, meshConfig{}, benchGRPC)
	m.out.deps.Sink = silent{}
	m.out.handle = m.out.layers()
	m.sidecars[0].in.deps.Sink = silent{}
	m.sidecars[0].in.handle = m.sidecars[0].in.layers(m.sidecars[0].in.forward)
	calls(b, m.addr, width)
}

// A unary call through the pair of sidecars with mutual TLS between them, alone and in
// company.
func BenchmarkPairGRPC(b *testing.B)   { benchPairGRPC(b, 1) }
func BenchmarkPairGRPC32(b *testing.B) { benchPairGRPC(b, 32) }

func BenchmarkDirectGRPC(b *testing.B) { calls(b, startApp(b, benchGRPC), 1) }
