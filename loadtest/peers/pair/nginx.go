package pair

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"text/template"

	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

//go:embed nginx.conf.tmpl
var nginxConf string

// Nginx is a pair of nginx with the same mutual TLS and an access log.
type Nginx struct {
	Path string // of the program
	Dir  string // of this pair alone, gone or empty
	App  netip.AddrPort
	Log  io.Writer
}

// nginxSide is what the template of the configuration needs.
type nginxSide struct {
	Dir          string
	User         string // "name group" for workers; empty keeps the user there is
	Listen, Next netip.AddrPort
	Inner        bool // the app's side, which takes TLS; else the caller's, which makes it
	Own          leafFiles
	Root, Peer   string
}

// Start starts both and waits until they carry requests.
func (n Nginx) Start(ctx context.Context) (*Running, error) {
	if err := os.MkdirAll(n.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("start nginx pair: %w", err)
	}
	certs, err := writeCertificates(n.Dir)
	if err != nil {
		return nil, fmt.Errorf("start nginx pair: %w", err)
	}
	ports, err := reserve(ctx, 2)
	if err != nil {
		return nil, fmt.Errorf("start nginx pair: %w", err)
	}
	outer, inner := ports[0], ports[1]
	r := &Running{Address: outer, account: n.account}
	for _, s := range []nginxSide{
		{Dir: filepath.Join(n.Dir, "caller"), Listen: outer, Next: inner, Own: certs.Caller, Root: certs.Root, Peer: certs.Callee.Name},
		{Dir: filepath.Join(n.Dir, "app"), Listen: inner, Next: n.App, Own: certs.Callee, Root: certs.Root, Inner: true},
	} {
		p, err := n.side(ctx, s)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start nginx pair: %w", err), r.Stop())
		}
		r.Processes = append(r.Processes, p)
	}
	if err := r.carries(ctx, inner); err != nil {
		return nil, errors.Join(fmt.Errorf("start nginx pair: %w", err), r.Stop())
	}
	return r, nil
}

// side starts one nginx: a master with a worker for each core.
func (n Nginx) side(ctx context.Context, s nginxSide) (*proc.Process, error) {
	if err := os.Mkdir(s.Dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	if s.User, err = workerUser(); err != nil {
		return nil, err
	}
	conf, err := s.render()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(s.Dir, "nginx.conf")
	if err := os.WriteFile(path, conf, 0o600); err != nil {
		return nil, err
	}
	return proc.Start(ctx, proc.Command{
		Path: n.Path, Args: []string{"-p", s.Dir, "-c", path, "-e", "stderr"},
		Env: environment(), Log: n.Log,
	})
}

func (s nginxSide) render() ([]byte, error) {
	t, err := template.New("nginx.conf").Parse(nginxConf)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, s)
	return b.Bytes(), err
}

// workerUser keeps root's workers root: they else become a user who may not read what
// root has written for them. Others keep the user they are.
func workerUser() (string, error) {
	if os.Getuid() != 0 {
		return "", nil
	}
	u, err := user.Current()
	if err != nil {
		return "", err
	}
	g, err := user.LookupGroupId(u.Gid)
	if err != nil {
		return "", err
	}
	return u.Username + " " + g.Name, nil
}

// account counts the lines of both access logs, which nginx writes as it goes.
func (n Nginx) account(context.Context) (Account, error) {
	var a Account
	for _, side := range []string{"caller", "app"} {
		lines, err := countLines(filepath.Join(n.Dir, side, "access.log"))
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
