package engine

import (
	"regexp"
	"strconv"
	"strings"
)

// Codes of ClickHouse's exceptions that this package makes itself.
const (
	CodeUnknown  = 1002 // UNKNOWN_EXCEPTION
	CodeSyntax   = 62   // SYNTAX_ERROR
	CodeReadOnly = 164  // READONLY
)

// Error is an exception of the engine.
type Error struct {
	Code int
	Text string // whole, as ClickHouse writes it: "Code: 60. DB::Exception: … (UNKNOWN_TABLE)"
}

// NewError makes an exception that reads like the engine's own.
func NewError(code int, name, text string) *Error {
	return &Error{Code: code, Text: "Code: " + strconv.Itoa(code) + ". DB::Exception: " + text + " (" + name + ")"}
}

func (e *Error) Error() string { return e.Text }

var exceptionCode = regexp.MustCompile(`^(?:Code: (\d+)\. )?`)

// parseError reads the text of an exception.
func parseError(text string) *Error {
	text = strings.TrimSpace(text)
	if m := exceptionCode.FindStringSubmatch(text); m[1] != "" {
		code, err := strconv.Atoi(m[1])
		if err == nil {
			return &Error{Code: code, Text: text}
		}
	}
	return NewError(CodeUnknown, "UNKNOWN_EXCEPTION", text)
}
