package http1

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAllAreTheFieldsThatWillBeWritten(t *testing.T) {
	var r Reader
	var q Request
	r.Reset(strings.NewReader("GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nKeep-Alive: x\r\nX-B: 2\r\n\r\n"))
	if err := r.ReadRequest(&q); err != nil {
		t.Fatal(err)
	}
	q.Clean()
	q.Set(XRequestID, "7")
	q.Remove("x-b")
	q.Append("x-c", "3")
	var got []string
	for name, value := range q.All() {
		got = append(got, name+"="+value)
	}
	if diff := cmp.Diff([]string{"Host=a", "X-A=1", "x-request-id=7", "x-c=3"}, got); diff != "" {
		t.Error(diff)
	}
	for range q.All() {
		break
	}
}
