package stream

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestHeadSurvivesTheWire(t *testing.T) {
	for _, want := range []Head{{}, {Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", RequestID: "a=b"}} {
		var b bytes.Buffer
		if err := want.Write(&b); err != nil {
			t.Fatal(err)
		}
		b.WriteString("first bytes")
		got, err := ReadHead(&b)
		if err != nil || got != want || b.String() != "first bytes" {
			t.Errorf("got %+v, %v, and %q is left", got, err, b.String())
		}
	}
}

func TestHeadOfANewerSidecar(t *testing.T) {
	got, err := ReadHead(strings.NewReader("\x00\x0eport=1\nid=x\ny="))
	if err != nil || got != (Head{RequestID: "x"}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestHeadThatIsTooLong(t *testing.T) {
	var b bytes.Buffer
	if err := (Head{RequestID: strings.Repeat("x", 4096)}).Write(&b); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadHead(&b); err != nil || len(got.RequestID) != maxID {
		t.Errorf("a long id: %d bytes, %v", len(got.RequestID), err)
	}
	for in, want := range map[string]string{
		"\xff\xff": "too long: 65535 bytes", "\x00\x03abc": `"abc" is no key=value`, "\x00\x03ab": "unexpected EOF", "": "EOF",
	} {
		if _, err := ReadHead(strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
}

func TestAnswers(t *testing.T) {
	var b bytes.Buffer
	if err := Accept(&b); err != nil {
		t.Fatal(err)
	}
	b.WriteByte(1)
	if err := ReadAnswer(&b); err != nil || b.Len() != 1 {
		t.Errorf("accepted: %v, %d left", err, b.Len())
	}
	b.Reset()
	if err := Refuse(&b, RefusedError{Flags: "UF", Reason: "dial app: refused " + strings.Repeat("x", 4096)}); err != nil {
		t.Fatal(err)
	}
	r, ok := errors.AsType[*RefusedError](ReadAnswer(&b))
	if !ok || r.Flags != "UF" || !strings.HasPrefix(r.Reason, "dial app: refused x") || b.Len() != 0 {
		t.Errorf("refused: %+v, %d left", r, b.Len())
	}
	for in, want := range map[string]string{"": "EOF", "H": "begins with 0x48", "\x01\x00\x05U": "unexpected EOF"} {
		if err := ReadAnswer(strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
}

func FuzzReadHead(f *testing.F) {
	f.Add([]byte("\x00\x05id=xy"))
	f.Add([]byte("\xff\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		h, err := ReadHead(bytes.NewReader(in))
		if err != nil {
			return
		}
		if len(h.RequestID) > maxMessage || len(h.Traceparent) > maxMessage {
			t.Errorf("more came out than went in: %+v", h)
		}
	})
}

func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte("\x00"))
	f.Add([]byte("\x01\x00\x05UF\nno"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		if err := ReadAnswer(io.LimitReader(r, int64(len(in)))); err == nil && (in[0] != accepted || r.Len() != len(in)-1) {
			t.Errorf("%q was taken for a yes, %d left", in, r.Len())
		}
	})
}
