package chhttp

import "strings"

// insertion is an INSERT that brings its data along.
type insertion struct {
	sql    string // without FORMAT, VALUES and data
	format string
	dataAt int // where the data begins
}

// parseInsert splits an INSERT from its data. It is not ok for any other statement,
// INSERT … SELECT and INSERT … FROM INFILE included. head may be cut anywhere after
// the statement proper.
func parseInsert(head string) (insertion, bool) {
	t := tokens{sql: head}
	if !t.next() || !t.is("INSERT") || !t.target() {
		return insertion{}, false
	}
	for t.next() {
		if t.depth > 0 || !t.word() {
			continue
		}
		switch {
		case t.is("VALUES"):
			return insertion{sql: head[:t.start], format: "Values", dataAt: t.end}, true
		case t.is("FORMAT"):
			sql := head[:t.start]
			if !t.next() || !t.word() {
				return insertion{}, false
			}
			return insertion{sql: sql, format: t.text(), dataAt: afterFormat(head, t.end)}, true
		case t.is("SELECT"), t.is("WITH"), t.is("FROM"), t.is("WATCH"):
			return insertion{}, false
		}
	}
	return insertion{sql: head, format: "Values", dataAt: len(head)}, true
}

// afterFormat skips what may stand between a format's name and the data: blanks and
// one line end, no more, for the data may itself begin with white space.
func afterFormat(s string, at int) int {
	for at < len(s) && (s[at] == ' ' || s[at] == '\t' || s[at] == '\r') {
		at++
	}
	if at < len(s) && s[at] == '\n' {
		at++
	}
	return at
}

// outputFormat is what the statement's FORMAT clause names, or "".
func outputFormat(sql string) string {
	t, format := tokens{sql: sql}, ""
	for t.next() {
		if t.depth > 0 || !t.word() || !t.is("FORMAT") {
			continue
		}
		if t.next() && t.word() {
			format = t.text()
		}
	}
	return format
}

// tokens walks over a statement: words, quoted names and texts, and single signs;
// white space and comments are left out. It need not understand more.
type tokens struct {
	sql        string
	start, end int // of the current token
	depth      int // of parentheses around it
}

func (t *tokens) text() string { return t.sql[t.start:t.end] }

func (t *tokens) is(keyword string) bool { return strings.EqualFold(t.text(), keyword) }

func (t *tokens) word() bool { return isWordByte(t.sql[t.start]) }

func (t *tokens) next() bool {
	t.start = skipBlank(t.sql, t.end)
	if t.start == len(t.sql) {
		t.end = t.start
		return false
	}
	switch c := t.sql[t.start]; {
	case c == '\'' || c == '"' || c == '`':
		t.end = skipQuoted(t.sql, t.start)
	case isWordByte(c):
		t.end = t.start + 1
		for t.end < len(t.sql) && isWordByte(t.sql[t.end]) {
			t.end++
		}
	default:
		t.end = t.start + 1
		t.nest(c)
	}
	return true
}

func (t *tokens) nest(c byte) {
	switch c {
	case '(', '[', '{':
		t.depth++
	case ')', ']', '}':
		t.depth--
	}
}

// target steps over INTO, TABLE or FUNCTION and the name that follows, which may be
// spelled like a keyword.
func (t *tokens) target() bool {
	if !t.next() {
		return false
	}
	for _, keyword := range []string{"INTO", "TABLE", "FUNCTION"} {
		if t.is(keyword) && !t.next() {
			return false
		}
	}
	for t.dot() {
		t.next()
		if !t.next() {
			return false
		}
	}
	return true
}

// dot reports whether a dot follows.
func (t *tokens) dot() bool {
	at := skipBlank(t.sql, t.end)
	return at < len(t.sql) && t.sql[at] == '.'
}

func isWordByte(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}

// skipBlank steps over white space and comments.
func skipBlank(s string, at int) int {
	for at < len(s) {
		switch rest := s[at:]; {
		case strings.ContainsRune(" \t\r\n\f\v", rune(rest[0])):
			at++
		case strings.HasPrefix(rest, "--"):
			at += lengthTo(rest, "\n")
		case strings.HasPrefix(rest, "/*"):
			at += lengthTo(rest, "*/")
		default:
			return at
		}
	}
	return at
}

func lengthTo(s, end string) int {
	if i := strings.Index(s, end); i >= 0 {
		return i + len(end)
	}
	return len(s)
}

// skipQuoted steps over a quoted text. A doubled quote inside it looks like the end
// and the beginning of another, which comes to the same.
func skipQuoted(s string, at int) int {
	quote := s[at]
	for at++; at < len(s); at++ {
		switch s[at] {
		case '\\':
			at++
		case quote:
			return at + 1
		}
	}
	return len(s)
}
