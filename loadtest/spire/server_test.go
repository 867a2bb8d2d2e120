package spire

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	domain = "mesh.local"
	node   = "spiffe://" + domain + "/node"
	// svidLife is as short as SPIRE and a busy machine bear; the agent replaces an SVID at
	// half of it.
	svidLife = time.Minute
	patience = time.Minute
)

const serverConf = `server {
  bind_address = "127.0.0.1"
  bind_port = "%[2]s"
  socket_path = "%[1]s/server.sock"
  trust_domain = "` + domain + `"
  data_dir = "%[1]s"
  log_level = "WARN"
  ca_ttl = "6h"
  default_x509_svid_ttl = "20m"
}
plugins {
  DataStore "sql" { plugin_data { database_type = "sqlite3", connection_string = "%[1]s/db.sqlite3" } }
  KeyManager "memory" { plugin_data {} }
  NodeAttestor "join_token" { plugin_data {} }
  UpstreamAuthority "disk" { plugin_data { cert_file_path = "%[1]s/root.pem", key_file_path = "%[1]s/root.key" } }
}
`

const agentConf = `agent {
  data_dir = "%[1]s/agent"
  socket_path = "%[1]s/agent.sock"
  trust_domain = "` + domain + `"
  server_address = "127.0.0.1"
  server_port = "%[2]s"
  trust_bundle_path = "%[1]s/root.pem"
  log_level = "WARN"
}
plugins {
  KeyManager "memory" { plugin_data {} }
  NodeAttestor "join_token" { plugin_data {} }
  WorkloadAttestor "unix" { plugin_data { discover_workload_path = true } }
}
`

// spire is a server with an agent that it has attested.
type spire struct {
	t        *testing.T
	programs string
	dir      string // with root.pem and root.key, which the mesh's CA has too
}

// start runs both until the test ends. The directory's path is short, as sockets' are.
func start(t *testing.T) *spire {
	t.Helper()
	s := &spire{t: t, programs: programs(t)}
	var err error
	if s.dir, err = os.MkdirTemp("", "spire"); err != nil { //nolint:usetesting // a directory of the test's own has too long a name for sockets
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(s.dir) })
	s.makeRoot()
	_, port, err := net.SplitHostPort(free(t, 1)[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"server.conf": serverConf, "agent.conf": agentConf} {
		s.write(name, []byte(fmt.Sprintf(text, s.dir, port)))
	}
	run(t, filepath.Join(s.programs, "spire-server"), "run", "-config", s.dir+"/server.conf")
	s.await("spire-server", "healthcheck", "-socketPath", s.dir+"/server.sock")
	_, token, ok := strings.Cut(s.server("token", "generate", "-spiffeID", node), "Token: ")
	if !ok {
		t.Fatal("the server made no join token")
	}
	run(t, filepath.Join(s.programs, "spire-agent"), "run", "-config", s.dir+"/agent.conf", "-joinToken", strings.Fields(token)[0])
	s.await("spire-agent", "healthcheck", "-socketPath", s.dir+"/agent.sock")
	return s
}

func programs(t *testing.T) string {
	t.Helper()
	if os.Getenv("SIGHTLINE_E2E") == "" {
		t.Skip("SIGHTLINE_E2E is not set: run `make test`")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "sightline", "spire")
	if _, err := os.Stat(filepath.Join(dir, "spire-agent")); err != nil {
		t.Skipf("%v: run loadtest/spire/build.sh, which takes long", err)
	}
	return dir
}

// register has whoever runs the program at a path be a workload of the mesh.
func (s *spire) register(service, path string) {
	s.t.Helper()
	s.server("entry", "create", "-parentID", node, "-spiffeID", "spiffe://"+domain+"/ns/default/sa/"+service,
		"-selector", "unix:path:"+path, "-dns", service+"-1.v1."+service+".default.sightline",
		"-x509SVIDTTL", strconv.Itoa(int(svidLife.Seconds())))
}

func (s *spire) server(args ...string) string {
	s.t.Helper()
	c := exec.CommandContext(s.t.Context(), filepath.Join(s.programs, "spire-server"), append(args, "-socketPath", s.dir+"/server.sock")...)
	out, err := c.CombinedOutput()
	if err != nil {
		s.t.Fatalf("spire-server %s: %v\n%s", args[0], err, out)
	}
	return string(out)
}

func (s *spire) await(program string, args ...string) {
	s.t.Helper()
	eventually(s.t, program, func() bool {
		return exec.CommandContext(s.t.Context(), filepath.Join(s.programs, program), args...).Run() == nil
	})
}

// makeRoot makes the root that SPIRE's CA and the mesh's share.
func (s *spire) makeRoot() {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a root of both"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(7 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("root.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	s.write("root.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

func (s *spire) write(name string, content []byte) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), bytes.TrimSpace(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
}
