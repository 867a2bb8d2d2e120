package clickhouse

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// typed gives attributes back in the types that are noted beside them (signal.KeyTypes),
// text where none is. Values are as in signal.Span, and may be nil.
func typed(texts map[string]string, numbers map[string]float64, into map[string]any) {
	for k, v := range texts {
		if k != signal.KeyTypes {
			into[k] = v
		}
	}
	for k, v := range numbers {
		if strings.HasPrefix(k, ownPrefix) && strings.HasSuffix(k, "_ms") {
			v = decimals(v)
		}
		into[k] = number(v)
	}
	var types map[string]string
	if note := texts[signal.KeyTypes]; note == "" || json.Unmarshal([]byte(note), &types) != nil {
		return
	}
	for k, kind := range types {
		if v, ok := numbers[k]; ok && kind == signal.TypeDouble {
			into[k] = v
			continue
		}
		if text, ok := texts[k]; ok {
			into[k] = read(text, kind)
		}
	}
}

const ownPrefix = "sightline."

// decimals are a sidecar's milliseconds in the decimals that it meant: what is behind the third
// is of its rounding to the 1024th.
func decimals(ms float64) float64 { return math.Round(ms*1000) / 1000 }

// read is a value of text in its type; what cannot be read stays text.
func read(text, kind string) any {
	var (
		v   any
		err error
	)
	switch kind {
	case signal.TypeInt:
		v, err = strconv.ParseInt(text, 10, 64)
	case signal.TypeDouble:
		v, err = strconv.ParseFloat(text, 64)
	case signal.TypeBool:
		v, err = strconv.ParseBool(text)
	case signal.TypeBytes:
		v, err = base64.StdEncoding.DecodeString(text)
	case signal.TypeJSON:
		v, err = readJSON(text)
	case signal.TypeEmpty:
		return nil
	default:
		return text
	}
	if err != nil {
		return text
	}
	return v
}

func readJSON(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return exact(v), err
}

// exact tells whole numbers from others, as the exporter wrote them.
func exact(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil && !strings.ContainsAny(v.String(), ".eE") {
			return n
		}
		f, _ := v.Float64() // the exporter wrote it
		return f
	case []any:
		for i := range v {
			v[i] = exact(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = exact(v[k])
		}
	}
	return v
}
