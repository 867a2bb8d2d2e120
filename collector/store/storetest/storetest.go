// Package storetest runs the embedded store for tests, in a child process: the engine
// can boot only once in a process, and a test must be able to kill it.
//
// The child is the test binary itself, so the package under test says in TestMain:
//
//	func TestMain(m *testing.M) {
//		storetest.Child() // runs the store and exits, in the child process
//		goleak.VerifyTestMain(m)
//	}
//
// Each Start boots an engine on an empty directory, which takes about half a second:
// let subtests share one.
package storetest

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sightline-mesh/sightline/collector/store"
	"github.com/sightline-mesh/sightline/collector/store/engine"
)

const (
	envDir      = "SIGHTLINE_STORETEST_DIR"
	envConfig   = "SIGHTLINE_STORETEST_CONFIG" // JSON
	envRequired = "SIGHTLINE_REQUIRE_ENGINE"   // fail instead of skipping without the library
	memoryLimit = 1 << 30
)

// User and Password are the store's in tests.
const (
	User     = "default"
	Password = "test-password"
)

// Server is a store in a child process.
type Server struct {
	Dir  string // of the store
	Addr string // host:port, or the path of a Unix socket

	command *exec.Cmd
	stdin   io.Closer
}

// Start boots a store that lives as long as the test and returns its connection
// string, as clickhouse.ParseDSN reads it. Without the engine's library the test is
// skipped, or fails where the library is required: in CI, and with
// SIGHTLINE_REQUIRE_ENGINE set.
func Start(t testing.TB) string {
	t.Helper()
	return Open(t, t.TempDir()).DSN()
}

// Open is Start on a directory of the caller's choice, which may hold an earlier
// store's data.
func Open(t testing.TB, dir string) *Server {
	t.Helper()
	return OpenWith(t, dir, store.Config{})
}

// OpenWith is Open with what a test wants otherwise: the zero fields of c are as in Open, and
// so are user, password, logger and Ready in any case.
func OpenWith(t testing.TB, dir string, c store.Config) *Server {
	t.Helper()
	NeedEngine(t)
	s, err := start(dir, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// NeedEngine skips the test where the engine's library is not installed.
func NeedEngine(t testing.TB) {
	t.Helper()
	_, err := engine.FindLibrary()
	switch {
	case err == nil:
	case os.Getenv(envRequired) != "" || os.Getenv("CI") != "":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

// DSN is the connection string.
func (s *Server) DSN() string {
	u := url.URL{Scheme: "http", User: url.UserPassword(User, Password), Host: s.Addr, Path: "/default"}
	if strings.HasPrefix(s.Addr, "/") {
		u.Host, u.RawQuery = "localhost", url.Values{"socket": {s.Addr}}.Encode() // as package clickhouse reads it
	}
	return u.String()
}

// PID is the child's process id.
func (s *Server) PID() int { return s.command.Process.Pid }

// Memory is the anonymous memory that the child uses, in bytes: without the library's
// file, which is mapped.
func (s *Server) Memory(t testing.TB) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "RssAnon:")
	var kib int64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// Stop ends the store in good order. It may be called more than once.
func (s *Server) Stop() {
	_ = s.stdin.Close()
	_ = s.command.Wait() // how it ended is of no interest any more
}

// Kill ends the store like a power cut.
func (s *Server) Kill() {
	_ = s.command.Process.Kill()
	_ = s.command.Wait()
}

func start(dir string, config store.Config) (*Server, error) {
	if os.Getenv(envDir) != "" {
		return nil, errors.New("start store: this is the child process: TestMain must call storetest.Child first")
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start store: %w", err)
	}
	wish, err := json.Marshal(struct {
		store.Config

		Logger, Ready any `json:",omitempty"` // in front of the fields that JSON cannot tell of
	}{Config: config})
	if err != nil {
		return nil, fmt.Errorf("start store: %w", err)
	}
	c := exec.Command(self, "-test.run=^$") //nolint:noctx // it ends with its standard input
	c.Env = append(os.Environ(), envDir+"="+dir, envConfig+"="+string(wish))
	c.Stderr = os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the parent to hand on
	in, err := c.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start store: %w", err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start store: %w", err)
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start store: %w", err)
	}
	s := &Server{Dir: dir, command: c, stdin: in}
	line, _ := bufio.NewReader(out).ReadString('\n')
	var ok bool
	if s.Addr, ok = strings.CutPrefix(strings.TrimSpace(line), "ready "); !ok {
		s.Stop()
		return nil, fmt.Errorf("start store: the child said %q; does TestMain call storetest.Child?", line)
	}
	return s, nil
}

// Child runs the store and exits if this process was started for that; else it does
// nothing.
func Child() {
	dir := os.Getenv(envDir)
	if dir == "" {
		return
	}
	if err := child(dir); err != nil {
		fmt.Fprintln(os.Stderr, "storetest:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(dir string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	var c store.Config
	if err := json.Unmarshal([]byte(os.Getenv(envConfig)), &c); err != nil {
		return fmt.Errorf("read %s: %w", envConfig, err)
	}
	c.Dir, c.User, c.Password = filepath.Join(dir, "store"), User, Password
	c.Listen = cmp.Or(c.Listen, "127.0.0.1:0")
	c.MemoryLimit = cmp.Or(c.MemoryLimit, memoryLimit)
	c.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	c.Ready = func(a net.Addr) { fmt.Println("ready", a) }
	return store.Run(ctx, c)
}
