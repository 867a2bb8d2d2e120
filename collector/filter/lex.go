package filter

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
	atEnd class = iota
	word
	quoted // "text"
	ticked // `key`
	operator
	opening
	closing
	joinAnd
	joinOr
	negation
)

type token struct {
	class class
	text  string // without quotes
	pos   int    // byte offset
}

// Error says what is wrong with an expression, where, and what would be right.
type Error struct {
	Pos  int // byte offset
	What string
}

// Place is where, as people count, in bytes from 1, and what.
func (e *Error) Place() (at int, what string) { return e.Pos + 1, e.What }

// Error names the place as people count: from 1.
func (e *Error) Error() string { return fmt.Sprintf("at character %d: %s", e.Pos+1, e.What) }

func wrong(pos int, format string, a ...any) error {
	return &Error{Pos: pos, What: fmt.Sprintf(format, a...)}
}

// lex splits text into tokens; the last is atEnd.
func lex(text string) ([]token, error) {
	var all []token
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		if r == utf8.RuneError && size == 1 {
			return nil, wrong(at, "not UTF-8")
		}
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

// symbols are tried in order, longer ones before their beginnings.
var symbols = []struct {
	text  string
	class class
}{
	{"&&", joinAnd},
	{"||", joinOr},
	{"!=", operator},
	{"!~", operator},
	{"=~", operator},
	{"==", operator},
	{">=", operator},
	{"<=", operator},
	{">", operator},
	{"<", operator},
	{"=", operator},
	{"~", operator},
	{"!", negation},
	{"(", opening},
	{")", closing},
}

func next(text string, at int) (token, int, error) {
	switch text[0] {
	case '"':
		return quotedText(text, at)
	case '`':
		end := strings.IndexByte(text[1:], '`')
		if end <= 0 {
			return token{}, 0, wrong(at, "a key in backquotes that does not end or is empty; want `key`")
		}
		return token{class: ticked, text: text[1 : 1+end]}, end + 2, nil
	}
	for _, s := range symbols {
		if strings.HasPrefix(text, s.text) {
			return token{class: s.class, text: s.text}, len(s.text), nil
		}
	}
	length := strings.IndexFunc(text, func(r rune) bool { return !wordRune(r) })
	if length < 0 {
		length = len(text)
	}
	if length == 0 {
		r, _ := utf8.DecodeRuneInString(text)
		return token{}, 0, wrong(at, "unexpected %q; text with such characters stands in \"quotes\", a key in `backquotes`", r)
	}
	return spelled(text[:length]), length, nil
}

// spelled tells the words of the language from others.
func spelled(text string) token {
	switch strings.ToUpper(text) {
	case "AND":
		return token{class: joinAnd, text: text}
	case "OR":
		return token{class: joinOr, text: text}
	case "NOT":
		return token{class: negation, text: text}
	}
	return token{class: word, text: text}
}

func quotedText(text string, at int) (token, int, error) {
	prefix, err := strconv.QuotedPrefix(text)
	if err != nil {
		return token{}, 0, wrong(at, `text that does not end, or with an unknown escape; want "text", with \" and \\ inside it`)
	}
	value, err := strconv.Unquote(prefix)
	if err != nil {
		return token{}, 0, wrong(at, `text with an unknown escape; want "text", with \" and \\ inside it`)
	}
	return token{class: quoted, text: value}, len(prefix), nil
}

// wordRune reports whether r may stand in a bare word: keys, numbers, durations, paths.
func wordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_.-/:+*@%$#", r)
}

func bareKey(s string) bool { return bareValue(s) && scopeOf(s) == Any }

func bareValue(s string) bool {
	bare := s != "" && strings.IndexFunc(s, func(r rune) bool { return !wordRune(r) || r == utf8.RuneError }) < 0
	return bare && spelled(s).class == word
}
