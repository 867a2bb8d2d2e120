package chhttp

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/sightline-mesh/sightline/collector/store/engine"
)

// exceptionOf is the exception that an error becomes on the wire.
func exceptionOf(err error) *engine.Error {
	if e, ok := errors.AsType[*engine.Error](err); ok {
		return e
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok || errors.Is(err, io.ErrUnexpectedEOF) {
		if e, ok := errors.AsType[*engine.Error](badBody(err)); ok {
			return e
		}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return engine.NewError(394, "QUERY_WAS_CANCELLED", err.Error())
	}
	return engine.NewError(engine.CodeUnknown, "UNKNOWN_EXCEPTION", err.Error())
}

// statusOf is the HTTP status that ClickHouse gives to an exception's code.
func statusOf(code int) int {
	switch code {
	case codeRequiredPassword:
		return http.StatusUnauthorized
	case 192, 193, codeAuthenticationFailed, 497: // unknown user, wrong password, access denied
		return http.StatusForbidden
	case 6, 25, 26, 27, 33, 34, 38, 41, 43, 44, 47, 53, 62, 69, 70, 72, 117, 131, 138, 190, codeBadArguments:
		return http.StatusBadRequest
	case 46, 50, 60, 61, 63, 73, 75, 78, 81, 115: // unknown function, type, table, setting…
		return http.StatusNotFound
	case 159, 394:
		return http.StatusRequestTimeout
	case codeTooLarge:
		return http.StatusRequestEntityTooLarge
	case codeNotImplemented:
		return http.StatusNotImplemented
	}
	return http.StatusInternalServerError
}
