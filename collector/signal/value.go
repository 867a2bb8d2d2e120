package signal

import (
	"math"
	"strconv"
)

// The types of attributes that KeyTypes notes.
const (
	TypeInt    = "int"
	TypeDouble = "double"
	TypeBool   = "bool"
	TypeBytes  = "bytes"
	TypeJSON   = "json" // a list or a map
	TypeEmpty  = "empty"
)

// JSONValue is an attribute as JSON can carry it without a loss: numbers that JSON has no
// word for, and whole ones beyond what every reader's numbers hold, become text, as in
// protobuf's JSON. Bytes are for encoding/json to write in base64.
func JSONValue(v any) any {
	const most = 1 << 53
	switch v := v.(type) {
	case int64:
		if v > most || v < -most {
			return strconv.FormatInt(v, 10)
		}
	case float64:
		switch {
		case math.IsNaN(v):
			return "NaN"
		case math.IsInf(v, 1):
			return "Infinity"
		case math.IsInf(v, -1):
			return "-Infinity"
		}
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = JSONValue(v[i])
		}
		return all
	case map[string]any:
		return JSONValues(v)
	}
	return v
}

// JSONValues is JSONValue of each attribute.
func JSONValues(m map[string]any) map[string]any {
	if m == nil {
		return nil
	}
	all := make(map[string]any, len(m))
	for k, v := range m {
		all[k] = JSONValue(v)
	}
	return all
}
