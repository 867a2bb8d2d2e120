package pair

import (
	"context"
	_ "embed"
	"os"
	"os/user"

	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

//go:embed nginx.conf.tmpl
var nginxConf string

// Nginx keeps connections on the TLS hop and writes a JSON access log.
var Nginx = Kind{Name: "nginx", logged: true, start: startNginx}

// startNginx starts one nginx: a master with a worker for each core.
func startNginx(ctx context.Context, p Peer, s side) (*proc.Process, error) {
	path, err := s.configure("nginx.conf", nginxConf)
	if err != nil {
		return nil, err
	}
	return proc.Start(ctx, proc.Command{
		Path: p.Path, Args: []string{"-p", s.Dir, "-c", path, "-e", "stderr"},
		Env: environment(), Log: p.Log,
	})
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
