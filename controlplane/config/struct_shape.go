package config

import (
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"

	gateway "sigs.k8s.io/gateway-api/apis/v1"
)

// structShape is the shape of a Go struct in its JSON form, as Kubernetes' types are
// written. It follows the types as it is asked, so that they may contain themselves.
func structShape(t reflect.Type) shape {
	fields := map[string]reflect.Type{}
	collect(t, fields)
	return shape{
		field: func(name string) (shape, bool) {
			f, ok := fields[name]
			if !ok {
				return shape{}, false
			}
			return typeShape(f), true
		},
		names: func() []string { return slices.Sorted(maps.Keys(fields)) },
		oneof: func(string) string { return "" },
	}
}

func collect(t reflect.Type, into map[string]reflect.Type) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case name == "" && (f.Anonymous || options == "inline"):
			collect(f.Type, into)
		default:
			into[name] = f.Type
		}
	}
}

func typeShape(t reflect.Type) shape {
	if t == reflect.TypeFor[gateway.Duration]() {
		return gatewayDuration()
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typeShape(t.Elem())
	case reflect.Struct:
		return structShape(t)
	case reflect.Slice:
		return shape{elem: func() shape { return typeShape(t.Elem()) }}
	case reflect.Map:
		return shape{elem: func() shape { return typeShape(t.Elem()) }, dict: true}
	case reflect.Bool:
		return boolean()
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return whole(0, math.MaxUint32)
	case reflect.Int, reflect.Int32, reflect.Int64:
		return whole(math.MinInt32, math.MaxInt32)
	case reflect.Float32, reflect.Float64:
		return number()
	}
	return text()
}

// gatewayTime is how Gateway API writes durations (GEP-2257): no fractions, no signs.
var gatewayTime = regexp.MustCompile(`^([0-9]{1,5}(h|m|s|ms)){1,4}$`)

func gatewayDuration() shape {
	return shape{want: "a duration such as 10s, 250ms or 1h30m", fits: func(v any) bool {
		s, ok := v.(string)
		return ok && gatewayTime.MatchString(s)
	}}
}
