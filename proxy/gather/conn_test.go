package gather

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// pair is the two ends of a connection.
func pair(t *testing.T) (here, there net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if here, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if there, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{here, there} {
		t.Cleanup(func() { c.Close() })
		if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	return here, there
}

// writes counts the writes that reach it.
type writes struct {
	net.Conn
	all  []string
	fail error
}

func (w *writes) Write(p []byte) (int, error) {
	w.all = append(w.all, string(p))
	return len(p), w.fail
}

func TestHeldWritesLeaveAtOnce(t *testing.T) {
	below := &writes{}
	c := New(below)
	write := func(s string) {
		t.Helper()
		if n, err := c.Write([]byte(s)); n != len(s) || err != nil {
			t.Fatalf("wrote %d, %v", n, err)
		}
	}
	write("now")
	c.Hold()
	write("one ")
	write("two")
	if len(below.all) != 1 {
		t.Errorf("%d writes while they are held back", len(below.all))
	}
	if err := c.Release(); err != nil {
		t.Fatal(err)
	}
	write("later")
	if got := strings.Join(below.all, "|"); got != "now|one two|later" {
		t.Errorf("got %q", got)
	}
}

func TestHeldWritesAreBounded(t *testing.T) {
	below := &writes{}
	c := New(below)
	c.Hold()
	piece := strings.Repeat("x", held/2+1)
	for _, s := range []string{piece, piece, strings.Repeat("y", held+1)} {
		if n, err := c.Write([]byte(s)); n != len(s) || err != nil {
			t.Fatalf("wrote %d, %v", n, err)
		}
	}
	if len(below.all) != 3 || below.all[2][0] != 'y' {
		t.Errorf("%d writes", len(below.all))
	}
	below.fail = errors.New("gone")
	if _, err := c.Write([]byte("z")); err != nil {
		t.Errorf("held: %v", err)
	}
	if err := c.Release(); !errors.Is(err, below.fail) {
		t.Errorf("release: %v", err)
	}
	if err := c.Release(); err != nil {
		t.Errorf("released twice: %v", err)
	}
}

func TestReadsTellBeforeTheyWait(t *testing.T) {
	here, there := pair(t)
	c := New(here)
	waits := 0
	if !c.OnWait(func() error {
		waits++
		_, err := io.WriteString(there, "answer") // as a relay's other side would
		return err
	}) {
		t.Fatal("a socket cannot tell")
	}
	p := make([]byte, 16)
	if n, err := c.Read(p); string(p[:n]) != "answer" || err != nil || waits == 0 {
		t.Errorf("read %q, %v after %d waits", p[:n], err, waits)
	}
	gone := errors.New("the other side has gone")
	c.OnWait(func() error { return gone })
	if _, err := c.Read(p); !errors.Is(err, gone) {
		t.Errorf("read: %v", err)
	}
}

func TestEndWithoutCloseNotifyIsNoProperEnd(t *testing.T) {
	here, there := pair(t)
	c := New(here)
	if err := there.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, ErrCut) || errors.Is(err, io.EOF) {
		t.Errorf("read: %v", err)
	}
}

func TestDeadlinesEndReads(t *testing.T) {
	here, _ := pair(t)
	c := New(here)
	if err := c.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, err := c.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("read: %v", err)
	}
}

func TestWhatIsNoSocketIsPassedOn(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	c := New(here)
	if c.OnWait(func() error { return nil }) {
		t.Error("a pipe can tell")
	}
	go func() { io.WriteString(there, "hello"); there.Close() }() //nolint:errcheck // the reader tells
	if got, err := io.ReadAll(c); string(got) != "hello" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	if err := c.CloseWrite(); err == nil {
		t.Error("a pipe has no half close")
	}
}
