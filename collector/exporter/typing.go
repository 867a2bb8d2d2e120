package exporter

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// typing notes the types of attributes that the columns they are stored in do not tell.
type typing map[string]string

func (t *typing) note(key string, v pcommon.Value) {
	if *t == nil {
		*t = typing{}
	}
	(*t)[key] = typeOf(v)
}

// text is the note as it is stored, empty where there is nothing to note.
func (t typing) text() string {
	if len(t) == 0 {
		return ""
	}
	b, err := json.Marshal(t) // sorted
	if err != nil {
		return ""
	}
	return string(b)
}

func typeOf(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return signal.TypeInt
	case pcommon.ValueTypeDouble:
		return signal.TypeDouble
	case pcommon.ValueTypeBool:
		return signal.TypeBool
	case pcommon.ValueTypeBytes:
		return signal.TypeBytes
	case pcommon.ValueTypeSlice, pcommon.ValueTypeMap:
		return signal.TypeJSON
	}
	return signal.TypeEmpty
}

// textOf is a value as text; text itself stays as it is.
func textOf(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeInt:
		return strconv.FormatInt(v.Int(), 10)
	case pcommon.ValueTypeDouble:
		return strconv.FormatFloat(v.Double(), 'g', -1, 64)
	case pcommon.ValueTypeBool:
		return strconv.FormatBool(v.Bool())
	case pcommon.ValueTypeBytes:
		return base64.StdEncoding.EncodeToString(v.Bytes().AsRaw())
	case pcommon.ValueTypeSlice, pcommon.ValueTypeMap:
		return string(appendJSON(nil, v, 0))
	}
	return ""
}

// maxNesting is how deep lists and maps are stored; what is deeper is null.
const maxNesting = 32

// appendJSON writes a value so that whole numbers and others can be told apart again.
// Bytes and the numbers that JSON has no word for become text inside lists and maps.
func appendJSON(b []byte, v pcommon.Value, depth int) []byte {
	switch v.Type() {
	case pcommon.ValueTypeInt, pcommon.ValueTypeBool:
		return append(b, textOf(v)...)
	case pcommon.ValueTypeDouble:
		return appendDouble(b, v.Double())
	case pcommon.ValueTypeStr, pcommon.ValueTypeBytes:
		return appendText(b, textOf(v))
	}
	if depth == maxNesting {
		return append(b, "null"...)
	}
	switch v.Type() {
	case pcommon.ValueTypeSlice:
		b = append(b, '[')
		for i, one := range v.Slice().All() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, one, depth+1)
		}
		return append(b, ']')
	case pcommon.ValueTypeMap:
		b = append(b, '{')
		first := true
		for k, one := range v.Map().All() {
			if !first {
				b = append(b, ',')
			}
			first = false
			b = appendJSON(append(appendText(b, k), ':'), one, depth+1)
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

func appendDouble(b []byte, v float64) []byte {
	text := strconv.FormatFloat(v, 'g', -1, 64)
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return appendText(b, text)
	case !strings.ContainsAny(text, ".e"):
		text += ".0"
	}
	return append(b, text...)
}

func appendText(b []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		return append(b, `""`...)
	}
	return append(b, text...)
}

// readable reports whether all text of some attributes is UTF-8.
func readable(m pcommon.Map) bool {
	for k, v := range m.All() {
		if !utf8.ValidString(k) || !readableValue(v, 0) {
			return false
		}
	}
	return true
}

func readableValue(v pcommon.Value, depth int) bool {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return utf8.ValidString(v.Str())
	case pcommon.ValueTypeMap:
		return depth == maxNesting || readableNested(v.Map(), depth)
	case pcommon.ValueTypeSlice:
		for _, one := range v.Slice().All() {
			if depth < maxNesting && !readableValue(one, depth+1) {
				return false
			}
		}
	}
	return true
}

func readableNested(m pcommon.Map, depth int) bool {
	for k, v := range m.All() {
		if !utf8.ValidString(k) || !readableValue(v, depth+1) {
			return false
		}
	}
	return true
}
