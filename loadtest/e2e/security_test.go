package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

// TestInboundIsForTheMeshAlone tries the ways past mutual TLS, with a tool no one
// here wrote and with a good certificate of another mesh.
func TestInboundIsForTheMeshAlone(t *testing.T) {
	m := startDemo(t, "--rps", "5")
	inbound := m.at["users:v1"].Inbound
	t.Run("plaintext", func(t *testing.T) {
		c, err := net.Dial("tcp", inbound)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		_, _ = io.WriteString(c, "GET /users/7 HTTP/1.1\r\nHost: users\r\n\r\n")
		b, err := io.ReadAll(c)
		if strings.Contains(string(b), "200") || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("answered %q, %v; want the connection closed", b, err)
		}
	})
	t.Run("openssl without a certificate", func(t *testing.T) {
		out, _ := run(t, "sh", "-c", `printf 'GET /users/7 HTTP/1.1\r\nHost: users\r\n\r\n' | timeout 10 openssl s_client -connect "$0" -quiet 2>&1`, inbound)
		if strings.Contains(out, "200 OK") || !strings.Contains(out, "certificate required") {
			t.Errorf("openssl got %q, want the alert: certificate required", out)
		}
	})
	t.Run("certificate of another trust domain", func(t *testing.T) {
		err := handshake(t, inbound, strangersCertificate(t))
		if err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("handshake: %v, want the certificate refused", err)
		}
	})
}

// handshake connects with a certificate and reads, which is when TLS 1.3 tells a
// client that its certificate was refused.
func handshake(t *testing.T, addr string, cert tls.Certificate) error {
	t.Helper()
	c, err := tls.Dial("tcp", addr, &tls.Config{
		InsecureSkipVerify: true, Certificates: []tls.Certificate{cert}, //nolint:gosec // the test is about the other end's check
		NextProtos: []string{"http/1.1"},
	})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(c, "GET /users/7 HTTP/1.1\r\nHost: users\r\n\r\n")
	_, err = c.Read(make([]byte, 1))
	return err
}

// strangersCertificate is a sound SPIFFE certificate that claims to be the gateway,
// signed by a root that this mesh does not know.
func strangersCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := &url.URL{Scheme: "spiffe", Host: "other.mesh", Path: "/ns/default/sa/gateway"}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "stranger"}, URIs: []*url.URL{id},
		DNSNames:  []string{"gateway-v1-1.v1.gateway.default.sightline"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
