package api

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sightline-mesh/sightline/ui/session"
)

type object = map[string]any

// describe is the OpenAPI 3.1 document of the routes.
func describe(routes []route) ([]byte, error) {
	s := schemas{defs: object{}}
	paths := map[string]object{}
	for _, r := range routes {
		if paths[r.path] == nil {
			paths[r.path] = object{}
		}
		paths[r.path][strings.ToLower(r.method)] = s.operation(r)
	}
	s.of(Problem{})
	doc := object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Sightline", "version": "v1", "license": object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
			"description": "What a Sightline mesh shows and lets you do. Errors are problem documents (RFC 9457).",
		},
		"paths": paths,
		"components": object{
			"schemas": s.defs,
			"securitySchemes": object{
				"token":   object{"type": "http", "scheme": "bearer"},
				"session": object{"type": "apiKey", "in": "cookie", "name": session.CookieName},
			},
		},
	}
	b, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode OpenAPI document: %w", err)
	}
	return b, nil
}

func (s schemas) operation(r route) object {
	op := object{"summary": r.summary, "responses": s.responses(r)}
	if r.role == session.Nobody {
		op["security"] = []object{}
	} else {
		op["security"] = []object{{"token": []string{}}, {"session": []string{}}}
		op["description"] = "Needs the role " + string(r.role) + "."
	}
	var params []object
	for _, p := range r.params {
		params = append(params, object{
			"name": p.name, "in": p.in, "required": p.in == "path", "description": p.about, "schema": p.schema(),
		})
	}
	if params != nil {
		op["parameters"] = params
	}
	switch {
	case r.yaml:
		op["requestBody"] = object{"required": true, "content": object{"application/yaml": object{"schema": object{"type": "string"}}}}
	case r.body != nil:
		op["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": s.of(r.body)}}}
	}
	return op
}

func (s schemas) responses(r route) object {
	fault := object{
		"description": "A problem.",
		"content":     object{"application/problem+json": object{"schema": object{"$ref": "#/components/schemas/Problem"}}},
	}
	out := object{"default": fault}
	switch r.result.(type) {
	case nil:
		out["204"] = object{"description": "Done."}
	case string:
		kind := "text/plain"
		if strings.HasSuffix(r.path, "/live") || strings.HasSuffix(r.path, "/tap") {
			kind = "text/event-stream"
		}
		out["200"] = object{"description": r.summary + ".", "content": object{kind: object{"schema": object{"type": "string"}}}}
	default:
		out["200"] = object{"description": r.summary + ".", "content": object{"application/json": object{"schema": s.of(r.result)}}}
	}
	return out
}

func (p param) schema() object {
	s := object{"type": "string"}
	switch p.kind {
	case count:
		s = object{"type": "integer", "minimum": 1, "maximum": p.max}
	case ordinal:
		s = object{"type": "integer", "minimum": 0}
	case instant:
		s["format"] = "date-time"
	case duration:
		s["examples"] = []string{"250ms", "5m"}
	case flag:
		s = object{"type": "boolean"}
	case traceID:
		s["pattern"] = traceIDShape.String()
	case label:
		s["pattern"] = labelShape.String()
	case text:
		s["maxLength"] = maxText
	}
	if len(p.oneOf) > 0 {
		s["enum"] = p.oneOf
	}
	return s
}
