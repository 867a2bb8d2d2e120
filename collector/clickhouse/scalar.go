package clickhouse

import (
	"encoding/binary"
	"math"
	"reflect"
	"time"
)

// scalar is a type of single values: what it is called on the way to the engine, and how
// its values stand one after the other in ClickHouse's format Native.
type scalar[T any] struct {
	wire string
	put  func(b []byte, v T) []byte
	get  func(b []byte) (v T, size int) // of what put wrote
}

var (
	texts = scalar[string]{
		"String",
		func(b []byte, s string) []byte { return append(binary.AppendUvarint(b, uint64(len(s))), s...) },
		func(b []byte) (string, int) {
			n, size := binary.Uvarint(b)
			return string(b[size : size+int(n)]), size + int(n)
		},
	}
	bools = bits8("Bool", func(v bool) byte {
		if v {
			return 1
		}
		return 0
	}, func(n byte) bool { return n != 0 })
	uint8s  = bits8("UInt8", func(v uint8) byte { return v }, func(n byte) uint8 { return n })
	int8s   = bits8("Int8", func(v int8) byte { return byte(v) }, func(n byte) int8 { return int8(n) })
	uint16s = bits16("UInt16", func(v uint16) uint16 { return v }, func(n uint16) uint16 { return n })
	int16s  = bits16("Int16", func(v int16) uint16 { return uint16(v) }, func(n uint16) int16 { return int16(n) })
	int32s  = bits32("Int32", func(v int32) uint32 { return uint32(v) }, func(n uint32) int32 { return int32(n) })
	floats  = bits32("Float32", math.Float32bits, math.Float32frombits)
	uint64s = bits64("UInt64", func(v uint64) uint64 { return v }, func(n uint64) uint64 { return n })
	int64s  = bits64("Int64", func(v int64) uint64 { return uint64(v) }, func(n uint64) int64 { return int64(n) })
	doubles = bits64("Float64", math.Float64bits, math.Float64frombits)
	times   = bits64("DateTime64(9, 'UTC')", func(t time.Time) uint64 {
		if t.IsZero() { // has no nanoseconds since 1970
			return 0
		}
		return uint64(t.UnixNano())
	}, func(n uint64) time.Time { return time.Unix(0, int64(n)).UTC() })
)

func bits8[T any](wire string, to func(T) byte, from func(byte) T) scalar[T] {
	return scalar[T]{
		wire,
		func(b []byte, v T) []byte { return append(b, to(v)) },
		func(b []byte) (T, int) { return from(b[0]), 1 },
	}
}

func bits16[T any](wire string, to func(T) uint16, from func(uint16) T) scalar[T] {
	return scalar[T]{
		wire,
		func(b []byte, v T) []byte { return binary.LittleEndian.AppendUint16(b, to(v)) },
		func(b []byte) (T, int) { return from(binary.LittleEndian.Uint16(b)), 2 },
	}
}

func bits32[T any](wire string, to func(T) uint32, from func(uint32) T) scalar[T] {
	return scalar[T]{
		wire,
		func(b []byte, v T) []byte { return binary.LittleEndian.AppendUint32(b, to(v)) },
		func(b []byte) (T, int) { return from(binary.LittleEndian.Uint32(b)), 4 },
	}
}

func bits64[T any](wire string, to func(T) uint64, from func(uint64) T) scalar[T] {
	return scalar[T]{
		wire,
		func(b []byte, v T) []byte { return binary.LittleEndian.AppendUint64(b, to(v)) },
		func(b []byte) (T, int) { return from(binary.LittleEndian.Uint64(b)), 8 },
	}
}

// fixedText is text of always so many bytes, a FixedString.
func fixedText(wire string, size int) scalar[string] {
	return scalar[string]{
		wire,
		func(b []byte, s string) []byte {
			b = append(b, s[:min(len(s), size)]...)
			return append(b, make([]byte, max(size-len(s), 0))...)
		},
		func(b []byte) (string, int) { return string(b[:size]), size },
	}
}

// scalarOf is the one for values of T.
func scalarOf[T any]() scalar[T] {
	for _, s := range []any{texts, bools, uint8s, int8s, uint16s, int16s, int32s, floats, uint64s, int64s, doubles, times} {
		if s, ok := s.(scalar[T]); ok {
			return s
		}
	}
	panic("clickhouse: there is no column for a " + reflect.TypeFor[T]().String()) // a test makes every column
}
