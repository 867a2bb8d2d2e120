package http1

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// written is a request head as it goes out.
func written(t *testing.T, q *Request) string {
	t.Helper()
	var out strings.Builder
	var w Writer
	w.Reset(&out)
	if err := w.Request(q); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	w.Finish()
	return out.String()
}

func TestEditsLieOverWhatWasSetAndAreTakenBack(t *testing.T) {
	const head = "GET /a?b HTTP/1.1\r\nHost: shop\r\nX-A: 1\r\nUser-Agent: u\r\nx-a: 2\r\nY: 3\r\n\r\n"
	q, _, _, _, err := readAll(strings.NewReader(head))
	if err != nil {
		t.Fatal(err)
	}
	q.Clean()
	q.Set(XRequestID, "id")
	before := written(t, &q)

	tests := []struct {
		name string
		edit func()
		want string
	}{
		{"remove in any case", func() { q.Remove("x-a") }, "GET /a?b HTTP/1.1\r\nHost: shop\r\nUser-Agent: u\r\nY: 3\r\nx-request-id: id\r\n\r\n"},
		{"replace", func() { q.Replace("x-a", "9") }, "GET /a?b HTTP/1.1\r\nHost: shop\r\nUser-Agent: u\r\nY: 3\r\nx-request-id: id\r\nx-a: 9\r\n\r\n"},
		{"replace what is not there", func() { q.Replace("z", "") }, strings.TrimSuffix(before, "\r\n") + "z: \r\n\r\n"},
		{"append", func() { q.Append("x-a", "3") }, strings.TrimSuffix(before, "\r\n") + "x-a: 3\r\n\r\n"},
		{"replace an addition", func() { q.Append("z", "1"); q.Replace("z", "2") }, strings.TrimSuffix(before, "\r\n") + "z: 2\r\n\r\n"},
		{"remove a known field", func() { q.Remove("user-agent") }, strings.Replace(before, "User-Agent: u\r\n", "", 1)},
		{"remove what the proxy set", func() { q.Remove("x-request-id") }, strings.Replace(before, "x-request-id: id\r\n", "", 1)},
		{"host", func() { q.Replace("host", "b:1") }, "GET /a?b HTTP/1.1\r\nX-A: 1\r\nUser-Agent: u\r\nx-a: 2\r\nY: 3\r\nx-request-id: id\r\nhost: b:1\r\n\r\n"},
		{"target", func() { q.Target = "/c" }, strings.Replace(before, "/a?b", "/c", 1)},
	}
	for _, tt := range tests {
		tt.edit()
		if diff := cmp.Diff(tt.want, written(t, &q)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		q.Undo()
		q.Target = ""
		if diff := cmp.Diff(before, written(t, &q)); diff != "" {
			t.Fatalf("%s was not taken back (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestLookupJoinsFieldsOfOneName(t *testing.T) {
	q, _, _, _, err := readAll(strings.NewReader("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nx: 2, 3\r\nY:\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"x": "1,2, 3", "y": "", "host": "a"} {
		if got, ok := q.Lookup(name); !ok || got != want {
			t.Errorf("Lookup(%q) = %q, %v; want %q", name, got, ok, want)
		}
	}
	if _, ok := q.Lookup("z"); ok {
		t.Error("z is there")
	}
}

func TestAnswersWithoutABodyHaveNoLength(t *testing.T) {
	for _, status := range []int{204, 304} {
		var out strings.Builder
		var w Writer
		w.Reset(&out)
		if err := w.Answer(&Answer{Status: status, Body: "x"}); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); strings.Contains(got, "content-length") || !strings.HasSuffix(got, "\r\n\r\n") {
			t.Errorf("%d: %q", status, got)
		}
	}
}
