package http2

import (
	"bytes"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Names whose values are different in every message are spelled out once.
func TestNamesOfPassingFieldsAreSpelledOutOnce(t *testing.T) {
	var c conn
	c.enc = hpack.NewEncoder(&c.encoded)
	c.encoded.Reset()
	dec := hpack.NewDecoder(tableSize, nil)
	sizes := make([]int, 3)
	for i := range sizes {
		c.encoded.Reset()
		value := string(rune('a' + i))
		c.encode(Field{Name: "x-request-id", Value: value})
		sizes[i] = c.encoded.Len()
		got, err := dec.DecodeFull(bytes.Clone(c.encoded.Bytes()))
		if err != nil || len(got) != 1 || got[0].Name != "x-request-id" || got[0].Value != value {
			t.Fatalf("%d: %v, %v", i, got, err)
		}
		if got[0].Sensitive != (i > 0) {
			t.Errorf("%d: kept out of the table: %v", i, got[0].Sensitive)
		}
	}
	if sizes[0] < 10 || sizes[1] > 5 || sizes[2] != sizes[1] {
		t.Errorf("sizes %v: the name comes again", sizes)
	}
}

// However the bytes of a head fall into reads, and whatever kind of frame it comes in,
// the request is the same.
func TestHeadsComeInAnyShape(t *testing.T) {
	shapes := map[string]func(p *peer, fr *http2.Framer, block []byte){
		"whole": func(p *peer, fr *http2.Framer, block []byte) {
			p.try(fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndHeaders: true, EndStream: true}))
		},
		"padded": func(p *peer, fr *http2.Framer, block []byte) {
			p.try(fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndHeaders: true, EndStream: true, PadLength: 9}))
		},
		"with a priority": func(p *peer, fr *http2.Framer, block []byte) {
			p.try(fr.WriteHeaders(http2.HeadersFrameParam{
				StreamID: 1, BlockFragment: block, EndHeaders: true, EndStream: true, Priority: http2.PriorityParam{StreamDep: 3, Weight: 7},
			}))
		},
		"continued": func(p *peer, fr *http2.Framer, block []byte) {
			p.try(fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:3], EndStream: true}))
			p.try(fr.WriteContinuation(1, true, block[3:]))
		},
	}
	for name, write := range shapes {
		for _, step := range []int{1, 7, 1 << 20} {
			t.Run(name, func(t *testing.T) {
				path := make(chan string, 1)
				p, _ := serverAt(t, func(s *Stream) {
					path <- s.Head().Path + " " + s.Head().Get("x-a")
					s.AnswerOnly(&Head{Status: 200, Length: -1})
					s.Flush()
					s.Close()
				})
				var out bytes.Buffer
				fr := http2.NewFramer(&out, nil)
				write(p, fr, bytes.Clone(p.fields(request("GET", "x-a", "1")...)))
				for b := out.Bytes(); len(b) > 0; b = b[min(step, len(b)):] {
					if _, err := p.nc.Write(b[:min(step, len(b))]); err != nil {
						t.Fatal(err)
					}
				}
				if got, want := <-path, "/ 1"; got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				if f := p.await(http2.FrameHeaders); f.fields[0].Value != "200" {
					t.Errorf("answer %+v", f)
				}
			})
		}
	}
}
