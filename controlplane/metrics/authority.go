package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

var (
	certificateLeft = prometheus.NewDesc("sightline_ca_certificate_seconds_left",
		"Until a certificate of the authority ends: of what signs workloads (signing), and of each root that is trusted (root). By SHA-256.", []string{"role", "fingerprint"}, nil)
	certificateInfo = prometheus.NewDesc("sightline_ca_certificate_info",
		"The authority's certificates.", []string{"role", "fingerprint", "serial", "subject"}, nil)
	certificateAlarm = prometheus.NewDesc("sightline_ca_certificate_alarm",
		"How near one is to its end: 1 warning (a third of its life is left), 2 critical (a tenth), 3 expired.", []string{"role", "fingerprint"}, nil)
	phase = prometheus.NewDesc("sightline_ca_rotation_phase",
		"1 for where a rotation is: steady is none, distribute has the new root trusted, renew has it sign.", []string{"phase"}, nil)
	issued = prometheus.NewDesc("sightline_ca_certificates_issued_total",
		"Certificates that this control plane gave to workloads, at their enrolment or as a renewal.", []string{"reason"}, nil)
	denied = prometheus.NewDesc("sightline_ca_enrolments_denied_total",
		"Enrolments refused because of their join token.", nil, nil)
	holders = prometheus.NewDesc("sightline_ca_holders",
		"Who is connected here with a certificate: all of them; lagging, who do not trust every root yet; outdated, with a certificate that a rotation replaces; troubled, whose renewals fail or who come near their end.", []string{"state"}, nil)
	trustVersion = prometheus.NewDesc("sightline_trust_version",
		"Version of whom to trust.", nil, nil)
	trustedRoots = prometheus.NewDesc("sightline_trusted_roots",
		"Roots that are trusted.", nil, nil)
	revocations = prometheus.NewDesc("sightline_revocations",
		"Certificates and identities that are refused because they were revoked.", nil, nil)
)

// authorityFigures are of the certificate authority.
type authorityFigures struct {
	s Sources
	t *Tally
}

// Describe implements prometheus.Collector.
func (authorityFigures) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, certificateLeft, certificateInfo, certificateAlarm, phase, issued, denied, holders, trustVersion, trustedRoots, revocations)
}

// Collect implements prometheus.Collector.
func (f authorityFigures) Collect(ch chan<- prometheus.Metric) {
	p, a := page(ch), f.s.Authority()
	p.certificate("signing", a.Signing)
	for _, r := range a.Roots {
		p.certificate("root", r)
	}
	for _, one := range []string{"steady", "distribute", "renew"} {
		p.flag(phase, one == a.Phase, one)
	}
	p.count(issued, f.t.Enrolled.Load(), "enrolment")
	p.count(issued, f.t.Renewed.Load(), "renewal")
	p.count(denied, f.t.Denied.Load())
	for state, n := range map[string]int{"all": a.Holders, "lagging": a.Lagging, "outdated": a.Outdated, "troubled": a.Troubled} {
		p.gauge(holders, float64(n), state)
	}
	p.gauge(trustVersion, float64(a.Version))
	p.gauge(trustedRoots, float64(len(a.Roots)))
	p.gauge(revocations, float64(a.Revoked))
}

func (p page) certificate(role string, c mesh.AuthorityCertificate) {
	p.gauge(certificateLeft, time.Until(c.Expires).Seconds(), role, c.Fingerprint)
	p.gauge(certificateInfo, 1, role, c.Fingerprint, c.Serial, c.Subject)
	p.gauge(certificateAlarm, identity.Alarm(c.Alarm).Level(), role, c.Fingerprint)
}
