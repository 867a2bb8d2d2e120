// Package corpus reads the scripts of odd and malformed HTTP/1.1 messages that tests
// of several packages run. Their format is described beside them, in
// ../testdata/corpus/README.md.
package corpus

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Case is what a client sends, and what must come of it.
type Case struct {
	Name  string // with its file's
	Sent  []byte
	Pair  Outcome  // through two sidecars
	Codec Outcome  // of the codec alone
	App   []string // "METHOD TARGET BYTES" of each request; nil if that is not said
}

// Outcome is what comes of a case.
type Outcome struct {
	Statuses []int // in order; none for a message that is not complete
	Kept     bool  // the connection can carry another request
	Requests int   // whole ones that the app sees
}

// Load reads every script in dir.
func Load(dir string) ([]Case, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no scripts in %s: %w", dir, errors.Join(err, os.ErrNotExist))
	}
	var all []Case
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		cases, err := parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		for i := range cases {
			cases[i].Name = strings.TrimSuffix(filepath.Base(f), ".txt") + "/" + cases[i].Name
		}
		all = append(all, cases...)
	}
	return all, nil
}

func parse(text string) (all []Case, err error) {
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		name, begins := strings.CutPrefix(line, "== ")
		rule, ruled := strings.CutPrefix(line, "=> ")
		switch {
		case begins:
			all = append(all, Case{Name: name})
		case len(all) == 0 && strings.HasPrefix(line, "#"):
		case len(all) == 0:
			err = errors.New("a line before the first case")
		case ruled:
			err = all[len(all)-1].rule(rule)
		default:
			var sent []byte
			sent, err = unescape(line)
			c := &all[len(all)-1]
			c.Sent = append(c.Sent, sent...)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return all, nil
}

// rule takes what stands behind "=> ".
func (c *Case) rule(s string) (err error) {
	words := strings.Fields(s)
	switch {
	case len(words) == 4 && words[0] == "app":
		var seen []byte
		if seen, err = unescape(strings.Join(words[1:], " ") + `\c`); err == nil {
			c.App = append(c.App, string(seen))
		}
	case len(words) == 4 && words[0] == "codec":
		c.Codec, err = outcome(words[1:])
	case len(words) == 3:
		c.Pair, err = outcome(words)
		c.Codec = c.Pair
	default:
		err = fmt.Errorf("%q is no outcome", s)
	}
	return err
}

func outcome(words []string) (o Outcome, err error) {
	for s := range strings.SplitSeq(words[0], ",") {
		if s == "-" {
			continue
		}
		n, err := strconv.Atoi(s)
		if err != nil {
			return o, err
		}
		o.Statuses = append(o.Statuses, n)
	}
	if words[1] != "kept" && words[1] != "closed" {
		return o, fmt.Errorf("%q is neither kept nor closed", words[1])
	}
	o.Kept = words[1] == "kept"
	o.Requests, err = strconv.Atoi(words[2])
	return o, err
}

// unescape returns a line as it is sent.
func unescape(line string) ([]byte, error) {
	line, open := strings.CutSuffix(line, `\c`)
	out := []byte{}
	for line != "" {
		piece, rest, err := next(line)
		if err != nil {
			return nil, err
		}
		out, line = append(out, piece...), rest
	}
	if !open {
		out = append(out, "\r\n"...)
	}
	return out, nil
}

// next takes the first byte, escape or repetition.
func next(line string) (piece, rest string, err error) {
	switch end := strings.IndexByte(line, '}'); {
	case line[0] == '{' && end > 0 && strings.Contains(line[:end], "*"):
		what, times, _ := strings.Cut(line[1:end], "*")
		n, err := strconv.Atoi(times)
		if err != nil {
			return "", "", err
		}
		one, err := unescape(what + `\c`)
		return strings.Repeat(string(one), n), line[end+1:], err
	case strings.HasPrefix(line, `\0`):
		return "\x00", line[2:], nil
	case line[0] == '\\':
		size := 2
		if strings.HasPrefix(line, `\x`) {
			size = 4
		}
		if len(line) < size {
			return "", "", fmt.Errorf("%q is no escape", line)
		}
		s, err := strconv.Unquote(`"` + line[:size] + `"`)
		return s, line[size:], err
	}
	return line[:1], line[1:], nil
}
