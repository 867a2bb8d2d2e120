package clickhouse

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
	"github.com/google/go-cmp/cmp"
)

// someSpans are rows in which every column is set in some, and none in the first.
func someSpans(n int) []SpanRow {
	r := rand.New(rand.NewPCG(1, 2))
	text := func() string { return fmt.Sprint("é", r.IntN(1000)) }
	rows := make([]SpanRow, n)
	for i := range rows[1:] {
		row := &rows[1+i]
		*row = SpanRow{
			TraceID: TraceID{byte(i), 15: 1}, SpanID: SpanID{byte(i)}, Name: text(), Kind: "server", Mesh: i%2 == 0,
			Start: at().Add(time.Duration(i)), Duration: time.Duration(r.Int64()), Weight: float32(i), Failed: i%3 == 0,
			Hop:        Hop{Peer: text(), Status: uint16(r.Uint32()), GRPCStatus: -1, ConfigVersion: r.Uint64(), MTLS: true},
			EventTimes: []time.Time{at(), {}}, EventNames: []string{text(), ""},
			EventAttributes: []map[string]string{{text(): text()}, {}},
			LinkTraceIDs:    []string{"0123456789abcdef"}, LinkSpanIDs: []string{"01234567"},
		}
		for range r.IntN(4) {
			row.Strings.Add(text(), text())
			row.Numbers.Add(text(), r.NormFloat64())
			row.Bools.Add(text(), r.IntN(2) == 0)
		}
	}
	return rows
}

// What goes over the wire is, byte for byte, what ClickHouse's own driver makes of the
// values: of one block, of many, and of halves of halves.
func TestBlocksAreWhatTheDriverWouldSend(t *testing.T) {
	rows := someSpans(100)
	whole := []*Block[SpanRow]{blockOf(spans(), rows)}
	single := make([]*Block[SpanRow], len(rows))
	for i := range rows {
		single[i] = blockOf(spans(), rows[i:i+1])
	}
	halved := whole
	for range 3 {
		var next []*Block[SpanRow]
		for _, b := range halved {
			x, y := b.halves()
			next = append(next, x, y)
		}
		halved = next
	}
	want := driven(t, whole)
	for name, blocks := range map[string][]*Block[SpanRow]{"whole": whole, "single": single, "halved": halved} {
		got, err := io.ReadAll(native(blocks, said(blocks)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if n := rowsOf(blocks); n != len(rows) {
			t.Errorf("%s: %d rows", name, n)
		}
	}
	if n := len(said(single[:1])); n != 5 { // ids, start, status of gRPC
		t.Errorf("an empty row has %d columns", n)
	}
}

// driven is blocks as the driver encodes them.
func driven[R any](t *testing.T, blocks []*Block[R]) []byte {
	t.Helper()
	b := proto.Block{ServerContext: &column.ServerContext{Timezone: time.UTC}}
	columns := said(blocks)
	for i, c := range columns {
		f := &blocks[0].table.columns[c]
		if err := b.AddColumn(f.name, column.Type(f.wire)); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Columns[i].Append(f.typed(joined(blocks, c))); err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
	}
	var buf chproto.Buffer
	if err := b.Encode(&buf, 0); err != nil {
		t.Fatal(err)
	}
	return buf.Buf
}

// A builder keeps nothing of a row, nor of the block before.
func TestABuilderKeepsNothing(t *testing.T) {
	rows := someSpans(3)
	b := NewSpans()
	b.Add(&rows[2])
	first := b.Block()
	before, err := io.ReadAll(native([]*Block[SpanRow]{first}, said([]*Block[SpanRow]{first})))
	if err != nil {
		t.Fatal(err)
	}
	rows[2].Strings = append(rows[2].Strings[:0], Pair[string]{"other", "other"})
	b.Add(&rows[1])
	b.Block()
	after, err := io.ReadAll(native([]*Block[SpanRow]{first}, said([]*Block[SpanRow]{first})))
	if err != nil || !cmp.Equal(before, after) {
		t.Errorf("a block changed after it was made: %v", err)
	}
}

func BenchmarkInsertBlock(b *testing.B) {
	rows := someSpans(1000)
	for b.Loop() {
		block := []*Block[SpanRow]{blockOf(spans(), rows)}
		if _, err := io.Copy(io.Discard, native(block, said(block))); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(rows)), "ns/row")
}
