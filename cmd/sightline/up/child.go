package up

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sightline-mesh/sightline/cmd/sightline/supervise"
)

// output is where a child's lines go.
func (c Config) output(name string) (io.Writer, func(), error) {
	if c.Log == "" {
		return os.Stderr, func() {}, nil
	}
	if err := os.MkdirAll(c.Log, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make log directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(c.Log, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open log of %s: %w", name, err)
	}
	return f, func() { _ = f.Close() }, nil
}

// storeProcess is the embedded engine.
func (c Config) storeProcess(passwordFile string, out io.Writer) *supervise.Child {
	args := []string{"store", "--dir", c.Dir, "--listen", c.StoreListen, "--user", storeUser, "--password-file", passwordFile}
	if c.Engine != "" {
		args = append(args, "--engine", c.Engine)
	}
	if c.SyncInserts {
		args = append(args, "--sync-inserts")
	}
	for _, f := range [][2]string{{"--cold-path", c.Cold.Path}, {"--cold-s3", c.Cold.S3}, {"--cold-s3-credentials-file", c.Cold.CredentialsFile}} {
		if f[1] != "" {
			args = append(args, f[0], f[1])
		}
	}
	if c.Cold.CacheBytes > 0 {
		args = append(args, "--cold-s3-cache", strconv.FormatInt(c.Cold.CacheBytes, 10)+"B")
	}
	return c.process("store", args, out)
}

// storeAddress is how this process reaches the embedded store.
func (c Config) storeAddress(password string) string {
	u := url.URL{Scheme: "http", User: url.UserPassword(storeUser, password), Host: local(c.StoreListen), Path: "/sightline"}
	if path := c.storeSocket(); path != "" {
		u.Host, u.RawQuery = "localhost", url.Values{"socket": {path}}.Encode()
	}
	return u.String()
}

// controlPlaneProcess is the control plane.
func (c Config) controlPlaneProcess(out io.Writer) *supervise.Child {
	args := []string{
		"controlplane", "--dir", c.Dir, "--listen", c.ControlPlaneListen, "--cert-ttl", c.CertTTL.String(),
		"--metrics-listen=", // its figures are on this process's page
	}
	args = append(args, c.Etcd...)
	if len(c.NameServers) > 0 {
		args = append(args, "--name-server", strings.Join(c.NameServers, ","))
	}
	if c.RegistryFile != "" {
		args = append(args, "--registry-file", c.RegistryFile)
	}
	if c.PathNormalization != "" {
		args = append(args, "--path-normalization", string(c.PathNormalization))
	}
	for _, f := range [][2]string{{"--ca-cert", c.CA.Cert}, {"--ca-key", c.CA.Key}, {"--ca-chain", c.CA.Chain}} {
		if f[1] != "" {
			args = append(args, f[0], f[1])
		}
	}
	child := c.process("controlplane", args, out)
	if c.CAPassphrase != "" {
		child.Env = append(os.Environ(), PassphraseVariable+"="+c.CAPassphrase)
	}
	return child
}

// PassphraseVariable hands the passphrase of the CA's keys to the control plane alone.
const PassphraseVariable = "SIGHTLINE_CA_PASSPHRASE"

func (c Config) process(name string, args []string, out io.Writer) *supervise.Child {
	return &supervise.Child{Name: name, Path: c.Program, Args: args, Out: out, Complaint: "sightline: ", Logger: c.Logger}
}

const storeUser = "sightline"

// storePassword reads the embedded store's password, or makes it: the store listens
// on loopback, and other users of the machine must not read traces from it.
func storePassword(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(b)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the store's password: %w", err)
	}
	p := rand.Text()
	if err := os.WriteFile(path, []byte(p+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep the store's password: %w", err)
	}
	return p, nil
}
