package pair

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"text/template"

	"github.com/sightline-mesh/sightline/loadtest/freeport"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// Peer is a pair of another proxy than Sightline's: a program started twice, once for
// each side, with the same mutual TLS.
type Peer struct {
	Kind Kind
	Path string // of the program
	Dir  string // of this pair alone, gone or empty
	App  netip.AddrPort
	Log  io.Writer
}

// Kind is a program and how one side of a pair is made of it.
type Kind struct {
	Name string
	// HTTP2 says that all hops are HTTP/2, for gRPC.
	HTTP2 bool
	// logged says that each side writes a row for every request to its access log.
	logged bool
	start  func(ctx context.Context, p Peer, s side) (*proc.Process, error)
}

// side is what the configuration of one side is made from.
type side struct {
	Dir          string
	User         string // "name group" for workers; empty keeps the user there is
	Listen, Next netip.AddrPort
	Inner        bool // the app's side, which takes TLS; else the caller's, which makes it
	HTTP2        bool
	Own          leafFiles
	Root, Peer   string
}

// accessLog is where a side that keeps one writes it.
func (s side) accessLog() string { return filepath.Join(s.Dir, "access.log") }

// Start starts both sides and waits until they carry requests.
func (p Peer) Start(ctx context.Context) (*Running, error) {
	r, err := p.sides(ctx)
	if err != nil {
		return nil, fmt.Errorf("start %s pair: %w", p.Kind.Name, err)
	}
	return r, nil
}

func (p Peer) sides(ctx context.Context) (*Running, error) {
	if err := os.MkdirAll(p.Dir, 0o700); err != nil {
		return nil, err
	}
	certs, err := writeCertificates(p.Dir)
	if err != nil {
		return nil, err
	}
	ports, err := freeport.Find(ctx, 2)
	if err != nil {
		return nil, err
	}
	outer, inner := ports[0], ports[1]
	r := &Running{Address: outer, HTTP2: p.Kind.HTTP2}
	var logs []string
	for _, s := range []side{
		{Dir: filepath.Join(p.Dir, "caller"), Listen: outer, Next: inner, Own: certs.Caller, Root: certs.Root, Peer: certs.Callee.Name},
		{Dir: filepath.Join(p.Dir, "app"), Listen: inner, Next: p.App, Own: certs.Callee, Root: certs.Root, Inner: true},
	} {
		s.HTTP2 = p.Kind.HTTP2
		one, err := p.side(ctx, s)
		if err != nil {
			return nil, errors.Join(err, r.Stop())
		}
		r.Processes = append(r.Processes, one)
		logs = append(logs, s.accessLog())
	}
	if p.Kind.logged {
		r.account = func(context.Context) (Account, error) { return countRows(logs) }
	}
	if err := r.carries(ctx, inner); err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	return r, nil
}

func (p Peer) side(ctx context.Context, s side) (*proc.Process, error) {
	if err := os.Mkdir(s.Dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	if s.User, err = workerUser(); err != nil {
		return nil, err
	}
	return p.Kind.start(ctx, p, s)
}

// configure writes a side's configuration and returns where.
func (s side) configure(name, text string) (path string, err error) {
	b, err := s.render(text)
	if err != nil {
		return "", err
	}
	path = filepath.Join(s.Dir, name)
	return path, os.WriteFile(path, b, 0o600)
}

func (s side) render(text string) ([]byte, error) {
	t, err := template.New("configuration").Parse(text)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, s)
	return b.Bytes(), err
}

// countRows counts the lines of access logs that are written as requests end.
func countRows(paths []string) (a Account, err error) {
	for _, path := range paths {
		lines, err := countLines(path)
		if err != nil {
			return a, fmt.Errorf("count access-log rows: %w", err)
		}
		a.Rows += lines
	}
	return a, nil
}

func countLines(path string) (uint64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	var lines uint64
	b := make([]byte, 64<<10)
	for {
		n, err := f.Read(b)
		lines += uint64(bytes.Count(b[:n], []byte("\n")))
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return 0, err
		}
	}
}
