package socket

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// recvOf reads once, after waiting for something to read.
func recvOf(t *testing.T, c syscall.Conn, p []byte) (n int, err error) {
	t.Helper()
	raw, rawErr := c.SyscallConn()
	must(t, rawErr)
	must(t, raw.Read(func(fd uintptr) bool {
		n, err = Recv(fd, p)
		return !errors.Is(err, syscall.EAGAIN)
	}))
	return n, err
}

func TestRecv(t *testing.T) {
	near, far := pair(t)
	raw, err := near.SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) {
		if n, err := Recv(fd, make([]byte, 1)); n != 0 || err != syscall.EAGAIN { //nolint:errorlint // as it is promised
			t.Errorf("nothing there: %d, %v", n, err)
		}
	}))
	must(t, writeAll(far, "abc"))
	p := make([]byte, 2)
	if n, err := recvOf(t, near, p); n != 2 || err != nil || string(p) != "ab" {
		t.Errorf("first: %d, %v, %q", n, err, p)
	}
	if n, err := recvOf(t, near, p); n != 1 || err != nil || p[0] != 'c' {
		t.Errorf("rest: %d, %v, %q", n, err, p)
	}
	must(t, far.CloseWrite())
	if n, err := recvOf(t, near, p); n != 0 || err != nil {
		t.Errorf("at the end: %d, %v", n, err)
	}
	must(t, near.SetLinger(0))
	near.Close()
	if _, err := recvOf(t, far, p); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after a reset: %v", err)
	}
}

func writeAll(c net.Conn, s string) error {
	_, err := io.WriteString(c, s)
	return err
}

// A write of more than the socket takes waits for its reader, below the length from
// which on the scheduler is told and above.
func TestWriterWritesAll(t *testing.T) {
	for _, piece := range []int{1, 16 << 10, 1 << 20} {
		near, far := pair(t)
		must(t, near.SetWriteBuffer(4<<10))
		var w Writer
		if !w.Reset(near) {
			t.Fatal("a TCP connection is a socket")
		}
		sent := bytes.Repeat([]byte("0123456789abcdef"), piece/16+1)[:piece]
		const pieces = 5
		done := make(chan error, 1)
		go func() {
			for range pieces {
				if n, err := w.Write(sent); n != piece || err != nil {
					done <- errors.Join(err, errors.New("written short"))
					return
				}
			}
			done <- near.CloseWrite()
		}()
		got, err := io.ReadAll(far)
		if err != nil || !bytes.Equal(got, bytes.Repeat(sent, pieces)) {
			t.Errorf("pieces of %d: %d bytes came, %v", piece, len(got), err)
		}
		must(t, <-done)
	}
}

func TestWriterObeysDeadlines(t *testing.T) {
	near, _ := pair(t)
	var w Writer
	w.Reset(near)
	all := make([]byte, 64<<20)
	must(t, near.SetWriteDeadline(time.Now().Add(2*time.Second)))
	n, err := w.Write(all) // nobody reads
	if n == 0 || n == len(all) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nobody reads: %d written, %v", n, err)
	}
	if n, err := w.Write([]byte("x")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("too late: %d written, %v", n, err)
	}
}

func TestWriterErrors(t *testing.T) {
	near, far := pair(t)
	var w Writer
	w.Reset(near)
	must(t, far.SetLinger(0))
	far.Close()
	until(t, "broken", func() bool {
		_, err := w.Write([]byte("x"))
		return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
	})
	near.Close()
	if _, err := w.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed here: %v", err)
	}
	pipe, _ := net.Pipe()
	defer pipe.Close()
	if w.Reset(pipe) {
		t.Error("a pipe is no socket")
	}
}

func TestIOAllocatesNothing(t *testing.T) {
	near, far := pair(t)
	var w Writer
	w.Reset(near)
	raw, err := far.SyscallConn()
	must(t, err)
	p := make([]byte, 100)
	read := func(fd uintptr) bool {
		_, err := Recv(fd, p)
		return !errors.Is(err, syscall.EAGAIN)
	}
	if n := testing.AllocsPerRun(100, func() {
		w.Write(p)     //nolint:errcheck // the read would wait for ever
		raw.Read(read) //nolint:errcheck // as above
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
