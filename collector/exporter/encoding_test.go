package exporter

import (
	"context"
	"testing"

	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
)

// request is a request whose encoding is its name.
type request struct {
	xexporterhelper.Request
	name string
	held int
}

// plain is the encoding and reference counter below.
type plain struct{ decoded int }

func (*plain) Marshal(_ context.Context, r xexporterhelper.Request) ([]byte, error) {
	return []byte(r.(*request).name), nil
}

func (p *plain) Unmarshal(b []byte) (context.Context, xexporterhelper.Request, error) {
	p.decoded++
	return context.Background(), &request{name: string(b)}, nil
}
func (*plain) Ref(r xexporterhelper.Request)   { r.(*request).held++ }
func (*plain) Unref(r xexporterhelper.Request) { r.(*request).held-- }

func TestEncodingKeepsWhatItWroteOnce(t *testing.T) {
	below := &plain{}
	e := newEncoding(xexporterhelper.QueueBatchSettings{Encoding: below, ReferenceCounter: below}, 10)
	first, large, twin := &request{name: "first"}, &request{name: "too large"}, &request{name: "first"}
	for _, r := range []*request{first, large, twin} {
		if _, err := e.Marshal(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if first.held != 1 || large.held != 0 || twin.held != 0 {
		t.Errorf("held %d, %d, %d", first.held, large.held, twin.held)
	}
	read := func(name string) *request {
		_, r, err := e.Unmarshal([]byte(name))
		if err != nil {
			t.Fatal(err)
		}
		return r.(*request)
	}
	if read("first") != first || below.decoded != 0 {
		t.Error("what was kept was decoded")
	}
	// Its twin is as good, but must not be the same one again: the batcher changes it.
	if again := read("first"); again == first || again.name != "first" {
		t.Errorf("the second is %+v", again)
	}
	if read("too large").name != "too large" || below.decoded != 2 {
		t.Error("what was not kept was not decoded")
	}
	if e.size != 0 || len(e.kept) != 0 {
		t.Errorf("%d bytes of %d requests kept", e.size, len(e.kept))
	}
}
