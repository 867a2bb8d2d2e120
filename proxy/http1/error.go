package http1

import (
	"fmt"
	"net/http"
)

// Error is a message that is refused. Status is what to answer to a request that
// is at fault; a response at fault is a bad gateway whatever Status says.
type Error struct {
	Status int
	Reason string
}

// Error is the reason in words, fit to be shown to the peer.
func (e *Error) Error() string { return e.Reason }

func badRequest(format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Reason: fmt.Sprintf(format, args...)}
}

// tooLarge is a head that is, or would be, larger than allowed.
func (h *Head) tooLarge() *Error {
	if h.first == 0 {
		return &Error{Status: http.StatusRequestURITooLong, Reason: fmt.Sprintf("first line is longer than %d bytes", maxHead)}
	}
	return tooLarge("header is larger than %d bytes", maxHead)
}

func tooLarge(format string, args ...any) *Error {
	return &Error{Status: http.StatusRequestHeaderFieldsTooLarge, Reason: fmt.Sprintf(format, args...)}
}
