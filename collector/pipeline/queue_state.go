package pipeline

import (
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"
)

// What exporterhelper's persistent queue keeps about itself: its key, and the fields that
// are read or written here, of the message PersistentMetadata in its meta.proto.
const (
	queueMetadataKey = "qmv0"
	itemsSizeField   = 1 // sfixed64, the number of items
	readIndexField   = 3 // fixed64, the request that is read next
	dispatchedField  = 5 // repeated fixed64, the requests that are being sent
)

// itemsIn reads the number of items from a queue's metadata; 0 if there is none.
func itemsIn(metadata []byte) (items int) {
	eachField(metadata, func(f protowire.Number, typ protowire.Type, _, value []byte) {
		if f == itemsSizeField && typ == protowire.Fixed64Type {
			items = max(0, int(int64(binary.LittleEndian.Uint64(value))))
		}
	})
	return items
}

// resumed is a queue's metadata with what was being sent put before what is read next.
// The queue itself would take those requests out of the storage and put them in anew:
// it would lose what a full disk does not take back, and all of them if it ended between.
// Requests among them that were done with are not there any more, and are passed over.
func resumed(metadata []byte) []byte {
	var rest []byte
	var next uint64
	var sending []uint64
	whole := eachField(metadata, func(f protowire.Number, typ protowire.Type, field, value []byte) {
		switch {
		case f == readIndexField && typ == protowire.Fixed64Type:
			next = binary.LittleEndian.Uint64(value)
		case f == dispatchedField && typ == protowire.BytesType:
			for ; len(value) >= 8; value = value[8:] {
				sending = append(sending, binary.LittleEndian.Uint64(value))
			}
		default:
			rest = append(rest, field...)
		}
	})
	if !whole {
		return metadata
	}
	for _, index := range sending {
		next = min(next, index)
	}
	rest = protowire.AppendTag(rest, readIndexField, protowire.Fixed64Type)
	return protowire.AppendFixed64(rest, next)
}

// eachField calls see with every field of a message, whole and its value alone, and
// reports whether all of the message could be read.
func eachField(message []byte, see func(f protowire.Number, typ protowire.Type, field, value []byte)) bool {
	for len(message) > 0 {
		f, typ, tag := protowire.ConsumeTag(message)
		if tag < 0 {
			return false
		}
		n := protowire.ConsumeFieldValue(f, typ, message[tag:])
		if n < 0 {
			return false
		}
		value := message[tag : tag+n]
		if typ == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(value)
		}
		see(f, typ, message[:tag+n], value)
		message = message[tag+n:]
	}
	return true
}
