package pipeline

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sightline-mesh/sightline/collector/account"
	"github.com/sightline-mesh/sightline/collector/journal"
)

func TestItemsIn(t *testing.T) {
	size := protowire.AppendFixed64(protowire.AppendTag(nil, itemsSizeField, protowire.Fixed64Type), 7)
	other := protowire.AppendFixed64(protowire.AppendTag(nil, 3, protowire.Fixed64Type), 9)
	negative := protowire.AppendFixed64(protowire.AppendTag(nil, itemsSizeField, protowire.Fixed64Type), 1<<63)
	tests := map[string]struct {
		metadata []byte
		want     int
	}{
		"none":     {nil, 0},
		"first":    {append(size, other...), 7},
		"last":     {append(other, size...), 7},
		"negative": {negative, 0},
		"noise":    {[]byte{0xff, 0xff, 0xff}, 0},
		"cut":      {size[:4], 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := itemsIn(tt.metadata); got != tt.want {
				t.Errorf("%d, want %d", got, tt.want)
			}
		})
	}
}

// queueState is the metadata of a queue of seven items, as exporterhelper writes it.
func queueState(read, write uint64, sending ...uint64) []byte {
	var b []byte
	fixed := func(f protowire.Number, v uint64) {
		b = protowire.AppendFixed64(protowire.AppendTag(b, f, protowire.Fixed64Type), v)
	}
	fixed(itemsSizeField, 7)
	fixed(readIndexField, read)
	fixed(4, write)
	if len(sending) > 0 {
		var packed []byte
		for _, index := range sending {
			packed = protowire.AppendFixed64(packed, index)
		}
		b = protowire.AppendBytes(protowire.AppendTag(b, dispatchedField, protowire.BytesType), packed)
	}
	return b
}

func TestResumed(t *testing.T) {
	tests := map[string]struct {
		metadata []byte
		read     uint64
	}{
		"nothing was being sent": {queueState(5, 9), 5},
		"the last two":           {queueState(5, 9, 3, 4), 3},
		"in any order":           {queueState(5, 9, 4, 1, 3), 1},
		"all of it":              {queueState(9, 9, 0), 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, read := fieldsOf(resumed(tt.metadata))
			want, _ := fieldsOf(tt.metadata)
			delete(want, dispatchedField)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error("the rest of it:", diff)
			}
			if read != tt.read {
				t.Errorf("reads %d next, want %d", read, tt.read)
			}
		})
	}
	for _, noise := range [][]byte{{0xff, 0xff}, queueState(5, 9, 3)[:30]} {
		if got := resumed(noise); !slices.Equal(got, noise) {
			t.Errorf("what cannot be read is changed to %x", got)
		}
	}
}

// fieldsOf are the fields of a queue's metadata, without the request that is read next.
func fieldsOf(metadata []byte) (fields map[protowire.Number]string, read uint64) {
	fields = map[protowire.Number]string{}
	eachField(metadata, func(f protowire.Number, _ protowire.Type, _, value []byte) {
		if f == readIndexField {
			read, _ = protowire.ConsumeFixed64(value)
			return
		}
		fields[f] = string(value)
	})
	return fields, read
}

// A queue that was killed while it sent some requests and was done with others between
// them sends those that are left, each once and in their order.
func TestKilledQueueGoesOnWhereItWas(t *testing.T) {
	dir := t.TempDir()
	left := []string{"3", "5", "6"}
	j, err := journal.Open(filepath.Join(dir, account.Traces), journal.Config{})
	must(t, err)
	must(t, j.Apply(journal.Op{Key: queueMetadataKey, Value: queueState(6, 7, 5, 3)}))
	for _, name := range left {
		value, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(spans(name))
		must(t, err)
		must(t, j.Apply(journal.Op{Key: name, Value: value}))
	}
	must(t, j.Close())

	r := start(t, testConfig(t, dir))
	until(t, "all is stored", func() bool { return r.traces().Stored == 3 })
	stored := r.store.spans()
	for _, name := range left {
		if stored[name] != 1 {
			t.Errorf("request %s was stored %d times", name, stored[name])
		}
	}
	if p := r.traces(); len(p.Dropped) > 0 {
		t.Errorf("the books: %+v", p)
	}
}
