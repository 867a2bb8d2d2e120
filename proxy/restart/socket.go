package restart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// socketName is where a sidecar takes requests to restart, in its state directory,
// which only its user can enter.
const socketName = "restart.sock"

// Requests and answers are short.
const (
	maxRequest  = 1 << 20
	requestTime = 5 * time.Second
)

type answer struct {
	Error string `json:"error,omitempty"`
}

// at calls f with a path of the socket that is short enough for one: the kernel takes
// 108 bytes, and state directories may be deeper than that.
func at(dir string, f func(path string) error) error {
	path := filepath.Join(dir, socketName)
	if len(path) < 100 {
		return f(path)
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // it was only a name
	return f("/proc/self/fd/" + strconv.Itoa(int(d.Fd())) + "/" + socketName)
}

// serve takes requests until ctx ends.
func (s *Supervisor) serve(ctx context.Context) error {
	path := filepath.Join(s.cfg.Dir, socketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("take requests to restart: %w", err)
	}
	var l net.Listener
	err := at(s.cfg.Dir, func(short string) (err error) {
		l, err = new(net.ListenConfig).Listen(ctx, "unix", short)
		return err
	})
	if err != nil {
		return fmt.Errorf("take requests to restart: %w", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // by a path that may mean another file by then
	defer func() { _ = os.Remove(path) }()        // the next one removes it otherwise
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("take requests to restart: %w", err)
		}
		s.answer(ctx, c)
	}
}

// answer serves one request. One at a time is enough.
func (s *Supervisor) answer(ctx context.Context, c net.Conn) {
	defer func() { _ = c.Close() }()
	var r Request
	var a answer
	err := c.SetReadDeadline(time.Now().Add(requestTime))
	if err == nil {
		err = json.NewDecoder(&limited{c, maxRequest}).Decode(&r)
	}
	if err == nil {
		err = s.Restart(ctx, r)
	}
	if err != nil {
		a.Error = err.Error()
		s.cfg.Logger.Error("not restarted", "error", err)
	}
	_ = json.NewEncoder(c).Encode(a) // who asked may have gone
}

// limited reads so much and no more.
type limited struct {
	net.Conn
	left int
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errors.New("the request is too long")
	}
	n, err := l.Conn.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// Ask has the sidecar of a state directory replaced and returns when its new process
// carries requests.
func Ask(ctx context.Context, dir string, r Request) error {
	var c net.Conn
	err := at(dir, func(path string) (err error) {
		c, err = new(net.Dialer).DialContext(ctx, "unix", path)
		return err
	})
	if err != nil {
		return fmt.Errorf("reach the sidecar of %s: %w", dir, err)
	}
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	if err := json.NewEncoder(c).Encode(r); err != nil {
		return fmt.Errorf("ask the sidecar of %s: %w", dir, err)
	}
	var a answer
	if err := json.NewDecoder(c).Decode(&a); err != nil {
		return fmt.Errorf("hear from the sidecar of %s: %w", dir, errors.Join(ctx.Err(), err))
	}
	if a.Error != "" {
		return errors.New(a.Error)
	}
	return nil
}
