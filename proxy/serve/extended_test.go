package serve

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// framed speaks HTTP/2 frame by frame, as a client or as an app.
type framed struct {
	*http2.Framer
	block bytes.Buffer
	enc   *hpack.Encoder
	seen  map[http2.SettingID]uint32
}

func newFramed(c net.Conn) *framed {
	f := &framed{Framer: http2.NewFramer(c, c), seen: map[http2.SettingID]uint32{}}
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	f.enc = hpack.NewEncoder(&f.block)
	return f
}

// head sends a head of names and values by turns.
func (f *framed) head(stream uint32, nameValue ...string) error {
	f.block.Reset()
	for i := 0; i+1 < len(nameValue); i += 2 {
		if err := f.enc.WriteField(hpack.HeaderField{Name: nameValue[i], Value: nameValue[i+1]}); err != nil {
			return err
		}
	}
	return f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: f.block.Bytes(), EndHeaders: true})
}

// next is the next frame that says something of a stream.
func (f *framed) next() (http2.Frame, error) {
	for {
		got, err := f.ReadFrame()
		if err != nil {
			return nil, err
		}
		switch g := got.(type) {
		case *http2.SettingsFrame:
			if g.IsAck() {
				continue
			}
			if err := g.ForeachSetting(func(s http2.Setting) error { f.seen[s.ID] = s.Val; return nil }); err != nil {
				return nil, err
			}
			if err := f.WriteSettingsAck(); err != nil {
				return nil, err
			}
		case *http2.MetaHeadersFrame, *http2.DataFrame, *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return got, nil
		}
	}
}

// repeatsOnConnect is an app that takes extended CONNECTs and says again, in capitals,
// what it is told on them.
func repeatsOnConnect(t *testing.T) app {
	return tcpApp(func(c *net.TCPConn) {
		if _, err := io.CopyN(io.Discard, c, int64(len(http2.ClientPreface))); err != nil {
			return
		}
		f := newFramed(c)
		must(t, f.WriteSettings(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1}))
		for {
			got, err := f.next()
			if err != nil {
				return
			}
			switch g := got.(type) {
			case *http2.MetaHeadersFrame:
				err = f.head(g.StreamID, ":status", "200", "x-asked", g.PseudoValue("method")+" "+g.PseudoValue("protocol")+" "+g.PseudoValue("path"))
			case *http2.DataFrame:
				err = f.WriteData(g.StreamID, g.StreamEnded(), bytes.ToUpper(g.Data()))
			}
			if err != nil {
				return
			}
		}
	})
}

// extended opens a connection of HTTP/2 to the caller's sidecar and sends a CONNECT for a
// WebSocket, and returns the head of the answer.
func (m *testMesh) extended(t *testing.T) (*framed, *http2.MetaHeadersFrame) {
	t.Helper()
	c := m.connect(t)
	send(t, c, http2.ClientPreface)
	f := newFramed(c)
	must(t, f.WriteSettings())
	must(t, f.head(1, ":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":path", "/chat", ":authority", "reviews", "sec-websocket-version", "13"))
	got, err := f.next()
	if err != nil {
		t.Fatal(err)
	}
	h, ok := got.(*http2.MetaHeadersFrame)
	if !ok {
		t.Fatalf("got %v, want the head of an answer", got)
	}
	return f, h
}

// A WebSocket of HTTP/2 (RFC 8441) goes through the pair as what it is, and both sides
// may speak for as long as they like.
func TestWebSocketOverHTTP2(t *testing.T) {
	m := newMesh(t, meshConfig{protocol: mesh.HTTP2}, repeatsOnConnect(t))
	f, h := m.extended(t)
	if h.PseudoValue("status") != "200" || f.seen[http2.SettingEnableConnectProtocol] != 1 {
		t.Fatalf("answer %v; the sidecar's settings %v", h.Fields, f.seen)
	}
	var asked string
	for _, field := range h.RegularFields() {
		if field.Name == "x-asked" {
			asked = field.Value
		}
	}
	if asked != "CONNECT websocket /chat" {
		t.Errorf("the app was asked %q", asked)
	}
	for n, say := range []string{"one", "two", "three"} {
		last := n == 2
		must(t, f.WriteData(1, last, []byte(say)))
		heard, ended := "", false
		for heard != strings.ToUpper(say) || ended != last {
			got, err := f.next()
			if err != nil {
				t.Fatalf("after %q: %v", heard, err)
			}
			d, ok := got.(*http2.DataFrame)
			if !ok {
				t.Fatalf("got %v, want what was said", got)
			}
			heard, ended = heard+string(d.Data()), d.StreamEnded()
		}
	}
	for _, r := range []*records{m.records, m.sidecars[0].records} {
		if rec := r.await(t, 0); rec.Method != http.MethodConnect || rec.Path != "/chat" || rec.Status != 200 || rec.Flags != "" || rec.BytesIn != 11 || rec.BytesOut != 11 {
			t.Errorf("record %+v", rec)
		}
	}
}

// An app that does not take them is told of by an answer that says so.
func TestWebSocketOverHTTP2IsRefusedClearly(t *testing.T) {
	plain := app{Handler: http.HandlerFunc(ok)}
	for name, x := range map[string]struct {
		protocol mesh.AppProtocol
		app      app
	}{"app of HTTP/1.1": {mesh.HTTP, plain}, "app of HTTP/2 without": {mesh.HTTP2, plain}, "found out": {"", plain}} {
		t.Run(name, func(t *testing.T) {
			m := newMesh(t, meshConfig{protocol: x.protocol}, x.app)
			began := time.Now()
			_, h := m.extended(t)
			said := map[string]string{}
			for _, field := range h.Fields {
				said[field.Name] = field.Value
			}
			if said[":status"] != "501" || said["x-sightline-flags"] != "NR" || !strings.Contains(said["x-sightline-reason"], "CONNECT websocket") {
				t.Errorf("got %v after %v", said, time.Since(began))
			}
			if rec := m.sidecars[0].records.await(t, 0); rec.Flags != "NR" || rec.GeneratedBy != "proxy" {
				t.Errorf("record %+v", rec)
			}
		})
	}
}
