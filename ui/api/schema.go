package api

import (
	"encoding"
	"reflect"
	"strings"
	"time"
)

// schemas makes JSON schemas of Go types as encoding/json writes them. Structs with
// a name go to defs once and are referred to.
type schemas struct{ defs object }

func (s schemas) of(v any) object { return s.ofType(reflect.TypeOf(v)) }

func (s schemas) ofType(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[time.Duration]():
		return object{"type": "integer", "description": "nanoseconds"}
	case t.Kind() != reflect.Pointer && t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return object{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.ofType(t.Elem())
	case reflect.Slice, reflect.Array:
		return object{"type": "array", "items": s.ofType(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.ofType(t.Elem())}
	case reflect.Struct:
		return s.ofStruct(t)
	}
	return scalar(t.Kind())
}

func scalar(k reflect.Kind) object {
	switch k {
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Interface:
		return object{} // anything
	}
	return object{"type": "integer"}
}

func (s schemas) ofStruct(t reflect.Type) object {
	name := schemaName(t)
	ref := object{"$ref": "#/components/schemas/" + name}
	if _, ok := s.defs[name]; ok {
		return ref
	}
	fields, required := object{}, []string{}
	s.defs[name] = object{} // stands in while its own fields refer to it
	s.addFields(t, fields, &required)
	s.defs[name] = object{"type": "object", "properties": fields, "required": required}
	return ref
}

func (s schemas) addFields(t reflect.Type, fields object, required *[]string) {
	for f := range t.Fields() {
		if !f.IsExported() && !f.Anonymous {
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case name == "" && f.Anonymous:
			s.addFields(f.Type, fields, required) // as encoding/json flattens it
		default:
			if name == "" {
				name = f.Name
			}
			fields[name] = s.ofType(f.Type)
			if !strings.Contains(options, "omit") {
				*required = append(*required, name)
			}
		}
	}
}

// schemaName is "mesh.Verdict" as "Verdict", and "graph.Edge" as "GraphEdge": three
// packages share words, so those of the graph carry its name.
func schemaName(t reflect.Type) string {
	name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
	pkg := t.PkgPath()[strings.LastIndex(t.PkgPath(), "/")+1:]
	if pkg == "graph" || pkg == "session" {
		return strings.ToUpper(pkg[:1]) + pkg[1:] + name
	}
	return name
}
