package proxy

import (
	"time"

	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/proxy/admin"
)

// certificate is how the sidecar's own certificate stands.
func certificate(s identity.Status) []admin.Family {
	return []admin.Family{
		admin.Value("sightline_certificate_seconds_left", "Until the certificate ends.", time.Until(s.Expires).Seconds()),
		{
			Name: "sightline_certificate_info", Help: "The certificate in use, by serial number and SHA-256.", Gauge: true,
			Samples: []admin.Sample{{Labels: []admin.Label{{Name: "serial", Value: s.Serial}, {Name: "fingerprint", Value: s.Fingerprint}}, Value: 1}},
		},
		admin.Value("sightline_certificate_renewal_failures_total", "Renewals of the certificate that failed.", float64(s.Failed)),
		admin.Value("sightline_certificate_renewal_failing", "Renewals that failed since the last that did not.", float64(s.Failures)),
		admin.Value("sightline_certificate_alarm", "How near the certificate is to its end without having been renewed: 1 warning (a third of its life is left), 2 critical (a tenth), 3 expired.", s.Alarm.Level()),
		admin.Value("sightline_clock_ahead_seconds", "How far this machine's clock was ahead of the certificate authority's when it gave the certificate; certificates bear five minutes.", s.Ahead.Seconds()),
		admin.Value("sightline_trust_version", "Version of whom to trust that is in force; 0 before the control plane said so.", float64(s.Trust)),
		admin.Value("sightline_trusted_roots", "Roots that are trusted.", float64(s.Roots)),
		admin.Value("sightline_revocations", "Certificates and identities that are refused because they were revoked.", float64(s.Revoked)),
	}
}
