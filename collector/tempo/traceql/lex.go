package traceql

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// class is what a token is.
type class int

const (
	atEnd  class = iota
	word         // a key, a number, a duration, true, nil …
	quoted       // "text"
	symbol
)

type token struct {
	class class
	text  string // without quotes
	pos   int    // byte offset
}

// Error says what is wrong with a query, where, and what would be right.
type Error struct {
	Pos  int // byte offset
	What string
}

// Error names the place as people count: from 1.
func (e *Error) Error() string { return fmt.Sprintf("at character %d: %s", e.Pos+1, e.What) }

func wrong(pos int, format string, a ...any) error {
	return &Error{Pos: pos, What: fmt.Sprintf(format, a...)}
}

// symbols are tried in order, longer ones before their beginnings. Those that the parser
// does not know are here to be refused by name.
var symbols = []string{
	"&&", "||", "!=", "!~", "=~", ">=", "<=", ">>", "<<", "&>>", "&<<", "{", "}", "(", ")", "=", ">", "<", "!", "|", "~", ",", "+", "*", "/", "%", "^", "&",
}

// lex splits a query into tokens; the last is atEnd.
func lex(text string) ([]token, error) {
	for at, r := range text {
		if _, size := utf8.DecodeRuneInString(text[at:]); r == utf8.RuneError && size == 1 {
			return nil, wrong(at, "not UTF-8")
		}
	}
	var all []token
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		if unicode.IsSpace(r) {
			at += size
			continue
		}
		t, length, err := next(text[at:], at)
		if err != nil {
			return nil, err
		}
		t.pos = at
		all = append(all, t)
		at += length
	}
	return append(all, token{class: atEnd, pos: len(text)}), nil
}

func next(text string, at int) (token, int, error) {
	if text[0] == '"' || text[0] == '`' {
		value, length, err := unquote(text, at)
		return token{class: quoted, text: value}, length, err
	}
	for _, s := range symbols {
		if strings.HasPrefix(text, s) {
			return token{class: symbol, text: s}, len(s), nil
		}
	}
	return wordOf(text, at)
}

// wordOf reads a key or a value; a part of a key that begins after a dot may be quoted.
func wordOf(text string, at int) (token, int, error) {
	var b strings.Builder
	i := 0
	for i < len(text) {
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == '"' && strings.HasSuffix(text[:i], ".") {
			part, length, err := unquote(text[i:], at+i)
			if err != nil {
				return token{}, 0, err
			}
			b.WriteString(part)
			i += length
			continue
		}
		if unicode.IsSpace(r) || strings.ContainsRune("{}()=!<>&|~,^\"`", r) {
			break
		}
		b.WriteRune(r)
		i += size
	}
	return token{class: word, text: b.String()}, i, nil
}

func unquote(text string, at int) (string, int, error) {
	prefix, err := strconv.QuotedPrefix(text)
	if err != nil {
		return "", 0, wrong(at, `text that does not end, or with an unknown escape; want "text", with \" and \\ inside it`)
	}
	value, err := strconv.Unquote(prefix)
	if err != nil {
		return "", 0, wrong(at, `text with an unknown escape; want "text", with \" and \\ inside it`)
	}
	return value, len(prefix), nil
}
