package originate

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// verifier decides whether a server is who it should be.
type verifier struct {
	server string
	names  []string
	roots  *x509.CertPool // nil is the system's
}

// connection verifies who is there, of sessions that are resumed as well.
func (v *verifier) connection(cs tls.ConnectionState) error {
	if len(cs.PeerCertificates) == 0 {
		return errors.New("the server shows no certificate")
	}
	leaf := cs.PeerCertificates[0]
	among := x509.NewCertPool()
	for _, c := range cs.PeerCertificates[1:] {
		among.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: v.roots, Intermediates: among})
	if err == nil {
		err = v.named(leaf)
	}
	if err != nil {
		return fmt.Errorf("the certificate that %s shows is not accepted: %w (%s)", v.server, err, describe(leaf))
	}
	return nil
}

// named reports as an error that a certificate carries none of the names.
func (v *verifier) named(leaf *x509.Certificate) error {
	if slices.ContainsFunc(v.names, func(name string) bool { return carries(leaf, name) }) {
		return nil
	}
	return fmt.Errorf("it is not for %s", strings.Join(v.names, " or "))
}

func carries(leaf *x509.Certificate, name string) bool {
	switch {
	case strings.Contains(name, "://"):
		for _, u := range leaf.URIs {
			if u.String() == name {
				return true
			}
		}
		return false
	case strings.Contains(name, "@"):
		return slices.Contains(leaf.EmailAddresses, name)
	}
	return leaf.VerifyHostname(name) == nil
}

// maxNamed is how many names of a certificate are told.
const maxNamed = 4

// describe is what a certificate says, for who has to find out what is wrong with it.
func describe(leaf *x509.Certificate) string {
	names := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		names = append(names, net.IP.String(ip))
	}
	for _, u := range leaf.URIs {
		names = append(names, u.String())
	}
	names = append(names, leaf.EmailAddresses...)
	more := ""
	if len(names) > maxNamed {
		more = fmt.Sprintf(" and %d more", len(names)-maxNamed)
		names = names[:maxNamed]
	}
	if len(names) == 0 {
		names = []string{"nobody, subject " + leaf.Subject.String()}
	}
	return fmt.Sprintf("it is for %s%s, issued by %s, valid from %s to %s", strings.Join(names, ", "), more, cut(leaf.Issuer.String()),
		leaf.NotBefore.UTC().Format(time.RFC3339), leaf.NotAfter.UTC().Format(time.RFC3339))
}

// cut keeps what a stranger wrote to the length of a line.
func cut(s string) string {
	const most = 120
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
