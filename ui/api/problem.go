package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Problem is an error answer (RFC 9457).
type Problem struct { //nolint:errname // RFC 9457 calls it so
	Type     string       `json:"type"`
	Title    string       `json:"title"`
	Status   int          `json:"status"`
	Detail   string       `json:"detail,omitempty"`
	Errors   []FieldError `json:"errors,omitempty"`   // what is wrong with the request
	Findings any          `json:"findings,omitempty"` // of a configuration that was refused
}

// FieldError says what is wrong with one field of a request.
type FieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
	At      int    `json:"at,omitempty"` // byte of the field's text that it is about, from 1
}

// placed is an error that knows the place in a filter that it is about.
type placed interface {
	error
	Place() (at int, what string)
}

// refusal is an error that says by findings what is wrong with a change.
type refusal interface {
	error
	Refusal() []mesh.Finding
}

// Error is the problem in one line.
func (p *Problem) Error() string {
	if p.Detail != "" {
		return p.Detail
	}
	return p.Title
}

func problem(status int, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

// badField is a 400 about one field.
func badField(field, message string) *Problem {
	p := problem(http.StatusBadRequest, field+": "+message)
	p.Errors = []FieldError{{Field: field, Message: message}}
	return p
}

// missingPart is a 503 for a part that does not run in this process.
func missingPart(part string) *Problem {
	return problem(http.StatusServiceUnavailable, "this Sightline runs without "+part)
}

// problemOf is where errors meet HTTP.
func (a *API) problemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if tooBig, ok := errors.AsType[*http.MaxBytesError](err); ok {
		p := problem(http.StatusRequestEntityTooLarge, "the body is too large")
		p.Errors = []FieldError{{Field: "body", Message: "at most " + byteCount(tooBig.Limit)}}
		return p
	}
	if a.deps.Status != nil {
		if status := a.deps.Status(err); status >= http.StatusBadRequest {
			return detailed(problem(status, err.Error()), err)
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return problem(http.StatusGatewayTimeout, err.Error())
	}
	return problem(http.StatusInternalServerError, err.Error())
}

// detailed adds what an error knows beyond its text.
func detailed(p *Problem, err error) *Problem {
	if r, ok := errors.AsType[refusal](err); ok && len(r.Refusal()) > 0 {
		p.Findings = r.Refusal()
	}
	if f, ok := errors.AsType[placed](err); ok {
		at, what := f.Place()
		p.Errors = []FieldError{{Field: "filter", Message: what, At: at}}
	}
	return p
}

// refuse ends the request with the error's problem document.
func (a *API) refuse(c *gin.Context, err error) {
	p := a.problemOf(err)
	if p.Status >= http.StatusInternalServerError && c.Request.Context().Err() == nil {
		a.log.WarnContext(c, "request not served", "path", c.Request.URL.Path, "status", p.Status, "error", err)
	}
	body, err := json.Marshal(p)
	if err != nil {
		body = []byte(`{"type":"about:blank","title":"Internal Server Error","status":500}`)
	}
	c.Abort()
	c.Data(p.Status, "application/problem+json", body)
}
