package e2e

import (
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
	"strings"
	"testing"
	"time"
)

// network is a local network of hosts, each a network namespace: one for the workloads
// and one for each other, by its address.
type network string

const workloadsHost = "10.97.0.1"

// hosts are those of the control planes, by name.
var hosts = map[string]string{"a": "10.97.0.11", "b": "10.97.0.12", "c": "10.97.0.13"}

func (n network) namespace(host string) string { return string(n) + "-" + host }

// ip runs a command of iproute2.
func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// makeNetwork makes the hosts until the test ends.
func makeNetwork(t *testing.T, hosts map[string]string) network {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root: cannot make network namespaces")
	}
	n := network(fmt.Sprintf("sightline-%d", os.Getpid()))
	add := func(host string) {
		if out, err := exec.Command("ip", "netns", "add", n.namespace(host)).CombinedOutput(); err != nil {
			t.Skipf("network namespaces cannot be made here: %v: %s", err, out)
		}
		t.Cleanup(func() { ip(t, "netns", "del", n.namespace(host)) })
		ip(t, "-n", n.namespace(host), "link", "set", "lo", "up")
	}
	add("w")
	w := n.namespace("w")
	ip(t, "-n", w, "link", "add", "name", "lan", "type", "bridge")
	ip(t, "-n", w, "address", "add", workloadsHost+"/24", "dev", "lan")
	ip(t, "-n", w, "link", "set", "lan", "up")
	for host, address := range hosts {
		add(host)
		ip(t, "-n", w, "link", "add", "name", "to-"+host, "type", "veth", "peer", "name", "wire", "netns", n.namespace(host))
		ip(t, "-n", n.namespace(host), "address", "add", address+"/24", "dev", "wire")
		ip(t, "-n", n.namespace(host), "link", "set", "wire", "up")
		ip(t, "-n", w, "link", "set", "to-"+host, "master", "lan", "up")
	}
	return n
}

// cut takes a host off the network: nothing it sends arrives, and nobody is told.
func (n network) cut(t *testing.T, host string) {
	t.Helper()
	ip(t, "-n", n.namespace("w"), "link", "set", "to-"+host, "nomaster")
}

// mend puts it back.
func (n network) mend(t *testing.T, host string) {
	t.Helper()
	ip(t, "-n", n.namespace("w"), "link", "set", "to-"+host, "master", "lan")
}

// memberFiles are the certificates by which the members of an etcd at these addresses know
// each other, one for all: the certificate, which is its own root, and its key.
func memberFiles(t *testing.T, dir string, hosts map[string]string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "member"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		IsCA:        true, BasicConstraintsValid: true,
	}
	for _, address := range hosts {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(address))
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "member.pem"), filepath.Join(dir, "member.key")
	for path, b := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}
