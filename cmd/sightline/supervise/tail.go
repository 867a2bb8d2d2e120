package supervise

import (
	"bytes"
	"io"
	"strings"
)

// mostKept bytes of what a process said last are enough for the reason of its end.
const mostKept = 4 << 10

// tail passes on what a process writes and remembers the end of it. It is not safe for
// concurrent use, as nothing else is that a process writes to.
type tail struct {
	to   io.Writer
	last []byte
}

// Write implements io.Writer. What cannot be passed on is lost: a full disk under the
// log must not end the process.
func (t *tail) Write(b []byte) (int, error) {
	t.last = append(t.last, b...)
	if over := len(t.last) - mostKept; over > 0 {
		t.last = append(t.last[:0], t.last[over:]...)
	}
	_, _ = t.to.Write(b)
	return len(b), nil
}

// reason is why the process ended, in its own words: the last of its complaints, which
// may go on over several lines, else the last line.
func (t *tail) reason(complaint string) string {
	text := "\n" + string(bytes.TrimSpace(t.last))
	complaint = "\n" + complaint
	if i := strings.LastIndex(text, complaint); i >= 0 {
		return text[i+len(complaint):]
	}
	return text[strings.LastIndexByte(text, '\n')+1:]
}
