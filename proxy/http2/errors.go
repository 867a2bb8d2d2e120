package http2

import (
	"errors"
	"fmt"

	"golang.org/x/net/http2"
)

// Code is an error code of HTTP/2.
type Code = http2.ErrCode

// The codes that users of the package send.
const (
	NoError       = http2.ErrCodeNo
	Internal      = http2.ErrCodeInternal
	Cancel        = http2.ErrCodeCancel
	ProtocolError = http2.ErrCodeProtocol

	enhanceYourCalm = http2.ErrCodeEnhanceYourCalm
)

// The errors of Client.Send that are not a stream's.
var (
	// ErrConnect marks errors of dialling: the request was not sent.
	ErrConnect = errors.New("connect")
	// ErrNotSpoken is a peer that answered the preface with something else.
	ErrNotSpoken = errors.New("peer does not speak HTTP/2")
	// ErrHungUp is a peer that closed the connection instead of an answer to the preface,
	// which may mean the same, or that it is ending.
	ErrHungUp = errors.New("peer hung up on the preface of HTTP/2")
	// ErrOverflow is a limit of the client's own: it says nothing of the peer.
	ErrOverflow = errors.New("too many requests wait for a connection")
	// ErrQueued is a context that ended while every stream of every connection was in use:
	// it says nothing of the peer either.
	ErrQueued = errors.New("every stream is in use")
	// ErrNoConnect is a peer that takes no extended CONNECT.
	ErrNoConnect = errors.New("peer takes no extended CONNECT")
	// ErrClosed is a client that was closed because its instance went away.
	ErrClosed = errors.New("http/2 client is closed")
)

// ErrStalled is the cause of a StreamError: the peer's window stayed closed too long.
var ErrStalled = errors.New("window stays closed")

// StreamError is what ended a stream before its end.
type StreamError struct {
	Code Code
	// Remote is whether the peer said so. Otherwise it broke a rule.
	Remote bool
	// Unprocessed is whether the peer has said that it did not act on the request.
	Unprocessed bool
	// Lost is whether the connection ended, and all its streams with it.
	Lost bool

	cause error
}

// Error implements error.
func (e *StreamError) Error() string {
	switch {
	case e.Lost && e.Unprocessed:
		return fmt.Sprintf("connection is going away: %v", e.cause)
	case e.Lost:
		return fmt.Sprintf("connection lost: %v", e.cause)
	case e.Remote:
		return fmt.Sprintf("stream was reset: %v", e.Code)
	}
	return fmt.Sprintf("stream is malformed: %v", e.cause)
}

// Unwrap returns what ended the stream or its connection.
func (e *StreamError) Unwrap() error { return e.cause }

// Refused reports whether the peer said that it did not process the request.
func Refused(err error) bool {
	e, ok := errors.AsType[*StreamError](err)
	return ok && e.Unprocessed
}

// connError ends a connection, with a GOAWAY that says why.
type connError struct {
	code   Code
	reason string
}

func (e *connError) Error() string { return fmt.Sprintf("%v: %s", e.code, e.reason) }

func connErrorf(code Code, format string, args ...any) error {
	return &connError{code, fmt.Sprintf(format, args...)}
}

// violation ends a stream that broke a rule.
type violation struct {
	id     uint32
	code   Code
	reason string
}

func (v *violation) Error() string { return v.reason }
