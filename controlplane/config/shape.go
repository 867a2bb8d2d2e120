package config

import (
	"maps"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// shape is what a value in a manifest may look like: an object when field is set,
// a list or a dictionary when elem is, else a scalar.
type shape struct {
	field func(name string) (shape, bool) // of an object
	names func() []string                 // of an object's fields, sorted
	oneof func(name string) string        // fields with the same non-empty word exclude each other
	elem  func() shape                    // of a list or dictionary
	dict  bool                            // elem are the values of a dictionary
	ports bool                            // the keys of the dictionary are ports, which YAML reads as numbers
	want  string                          // of a scalar: "a duration such as 10s"
	fits  func(v any) bool                // of a scalar
}

// object is a shape with these fields and no others.
func object(fields map[string]shape) shape {
	return shape{
		field: func(name string) (shape, bool) { s, ok := fields[name]; return s, ok },
		names: func() []string { return slices.Sorted(maps.Keys(fields)) },
		oneof: func(string) string { return "" },
	}
}

func list(elem shape) shape { return shape{elem: func() shape { return elem }} }

func dict(elem shape) shape { return shape{elem: func() shape { return elem }, dict: true} }

func text() shape {
	return shape{want: "a string (quote it)", fits: func(v any) bool { _, ok := v.(string); return ok }}
}

func boolean() shape {
	return shape{want: "true or false", fits: func(v any) bool { _, ok := v.(bool); return ok }}
}

func number() shape {
	return shape{want: "a number", fits: func(v any) bool {
		switch v := v.(type) {
		case int, int64, uint64:
			return true
		case float64:
			return !math.IsNaN(v) && !math.IsInf(v, 0)
		}
		return false
	}}
}

func whole(lowest, highest int64) shape {
	return shape{want: "a whole number", fits: func(v any) bool {
		i, ok := v.(int)
		return ok && int64(i) >= lowest && int64(i) <= highest
	}}
}

func oneOf(words []string) shape {
	return shape{want: "one of " + enumerate(words), fits: func(v any) bool {
		s, ok := v.(string)
		return ok && slices.Contains(words, s)
	}}
}

func duration() shape {
	return shape{want: "a duration such as 10s, 250ms or 1m", fits: func(v any) bool {
		s, ok := v.(string)
		if !ok {
			return false
		}
		_, err := time.ParseDuration(s)
		return err == nil
	}}
}

// messageShape is the shape of a protobuf message in its JSON form.
func messageShape(m protoreflect.MessageDescriptor) shape {
	fields := m.Fields()
	return shape{
		field: func(name string) (shape, bool) {
			f := fields.ByJSONName(name)
			if f == nil {
				return shape{}, false
			}
			return fieldShape(f), true
		},
		names: func() []string {
			var names []string
			for i := range fields.Len() {
				names = append(names, fields.Get(i).JSONName())
			}
			slices.Sort(names)
			return names
		},
		oneof: func(name string) string {
			if o := fields.ByJSONName(name).ContainingOneof(); o != nil {
				return string(o.Name())
			}
			return ""
		},
	}
}

func fieldShape(f protoreflect.FieldDescriptor) shape {
	switch {
	case f.IsMap():
		s := dict(valueShape(f.MapValue()))
		s.ports = f.MapKey().Kind() == protoreflect.Uint32Kind
		return s
	case f.IsList():
		return list(valueShape(f))
	}
	return valueShape(f)
}

func valueShape(f protoreflect.FieldDescriptor) shape {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		m := f.Message()
		switch {
		case m.FullName() == "google.protobuf.Duration":
			return duration()
		case m.ParentFile().Path() == "google/protobuf/wrappers.proto":
			return valueShape(m.Fields().ByName("value"))
		}
		return messageShape(m)
	case protoreflect.EnumKind:
		return oneOf(enumWords(f.Enum()))
	case protoreflect.BoolKind:
		return boolean()
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return whole(0, math.MaxUint32)
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		return whole(math.MinInt32, math.MaxInt32)
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		return number()
	}
	return text()
}

func enumWords(e protoreflect.EnumDescriptor) []string {
	var words []string
	for i := range e.Values().Len() {
		words = append(words, string(e.Values().Get(i).Name()))
	}
	return words
}
