package emit

import (
	"bytes"
	"math"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// OTLP is written straight into a byte slice. Lengths of nested messages are not known
// before they are written, so room is left for them: a varint may be padded with
// continuation bytes, which every protobuf reader takes.

// lengthRoom is how many bytes a message's length takes: enough for 256 MiB.
const lengthRoom = 4

const replacement = "\uFFFD"

// begin starts a nested message in field f; end ends the one whose content starts at
// mark.
func begin(b []byte, f protowire.Number) (out []byte, mark int) {
	b = protowire.AppendTag(b, f, protowire.BytesType)
	b = append(b, 0, 0, 0, 0)
	return b, len(b)
}

func end(b []byte, mark int) []byte {
	n := len(b) - mark
	room := b[mark-lengthRoom : mark]
	for i := range room {
		room[i] = byte(n>>(7*i)) | 0x80
	}
	room[lengthRoom-1] &= 0x7f
	return b
}

func appendVarint(b []byte, f protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, f, protowire.VarintType), v)
}

func appendFixed64(b []byte, f protowire.Number, v uint64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, f, protowire.Fixed64Type), v)
}

func appendDouble(b []byte, f protowire.Number, v float64) []byte {
	return appendFixed64(b, f, math.Float64bits(v))
}

func appendFixed32(b []byte, f protowire.Number, v uint32) []byte {
	return protowire.AppendFixed32(protowire.AppendTag(b, f, protowire.Fixed32Type), v)
}

func appendBytes[T string | []byte](b []byte, f protowire.Number, v T) []byte {
	b = protowire.AppendTag(b, f, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(len(v)))
	return append(b, v...)
}

// Fields of opentelemetry.proto.common.v1's KeyValue and AnyValue.
const (
	keyField    = 1
	valueField  = 2
	anyString   = 1
	anyBool     = 2
	anyInt      = 3
	anyDouble   = 4
	tagByteSize = 1 // of every field number below 16
)

// appendKey starts an attribute whose AnyValue will be size bytes long.
func appendKey(b []byte, f protowire.Number, key string, size int) []byte {
	kv := 2*tagByteSize + protowire.SizeBytes(len(key)) + protowire.SizeBytes(size)
	b = protowire.AppendTag(b, f, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(kv))
	b = appendBytes(b, keyField, key)
	b = protowire.AppendTag(b, valueField, protowire.BytesType)
	return protowire.AppendVarint(b, uint64(size))
}

// attrString appends a string attribute in field f, or nothing if v is empty. What is
// not UTF-8 is replaced, since a protobuf string must be.
func attrString(b []byte, f protowire.Number, key, v string) []byte {
	if v == "" {
		return b
	}
	if !utf8.ValidString(v) {
		v = strings.ToValidUTF8(v, replacement)
	}
	b = appendKey(b, f, key, tagByteSize+protowire.SizeBytes(len(v)))
	return appendBytes(b, anyString, v)
}

// attrText is attrString for buffered text.
func attrText(b []byte, f protowire.Number, key string, v []byte) []byte {
	if len(v) == 0 {
		return b
	}
	v = validText(v)
	b = appendKey(b, f, key, tagByteSize+protowire.SizeBytes(len(v)))
	return appendBytes(b, anyString, v)
}

// validText is v with what is not UTF-8 replaced.
func validText(v []byte) []byte {
	if utf8.Valid(v) {
		return v
	}
	return bytes.ToValidUTF8(v, []byte(replacement))
}

func attrInt(b []byte, f protowire.Number, key string, v int64) []byte {
	b = appendKey(b, f, key, tagByteSize+protowire.SizeVarint(uint64(v)))
	return appendVarint(b, anyInt, uint64(v))
}

func attrDouble(b []byte, f protowire.Number, key string, v float64) []byte {
	b = appendKey(b, f, key, tagByteSize+protowire.SizeFixed64())
	return appendDouble(b, anyDouble, v)
}

func attrBool(b []byte, f protowire.Number, key string, v bool) []byte {
	b = appendKey(b, f, key, tagByteSize+1)
	return appendVarint(b, anyBool, protowire.EncodeBool(v))
}
