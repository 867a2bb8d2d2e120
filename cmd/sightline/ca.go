package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func newCA(g *globals) *cobra.Command {
	c := &cobra.Command{Use: "ca", Short: "The certificate authority: how it stands, rotate it, revoke certificates"}
	c.AddCommand(newCAStatus(g), newCARotate(g), newCARevoke(g), newCAReseal(g))
	return c
}

func newCAStatus(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "How the authority stands and who lags; exit status 1 if something is wrong",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			api, err := g.api()
			if err != nil {
				return err
			}
			var at mesh.Authority
			if err := api.Get(c.Context(), "/api/v1/ca", nil, &at); err != nil {
				return fmt.Errorf("CA status: %w", err)
			}
			if err := g.print(c.OutOrStdout(), at, func(t *table) { authorityText(t, at) }); err != nil {
				return err
			}
			if !authorityWell(at) {
				return errFound
			}
			return nil
		},
	}
}

// authorityWell reports whether nobody has to do anything.
func authorityWell(at mesh.Authority) bool {
	for _, c := range append(at.Roots, at.Signing) {
		if c.Alarm != "" {
			return false
		}
	}
	return len(at.Troubled) == 0
}

func authorityText(t *table, at mesh.Authority) {
	t.row("trust domain", at.TrustDomain)
	t.row("phase", at.Phase, "since", at.Since)
	t.row("next step", at.Next)
	t.row("trust", fmt.Sprintf("version %d", at.Version), fmt.Sprintf("%d connected", at.Holders), fmt.Sprintf("%d lag", len(at.Lagging)))
	t.row("certificates", fmt.Sprintf("%d good", at.Leaves), fmt.Sprintf("%d of another authority in use", len(at.Outstanding)))
	if at.Tokens > 0 {
		t.row("join tokens", fmt.Sprintf("%d name a root that does not sign: they end with it", at.Tokens))
	}
	if at.Twice {
		t.row("keys", "sealed with two passphrases: `sightline ca reseal --finish` once every control plane runs with the new one")
	}
	t.row()
	t.head("AUTHORITY", "ENDS", "ALARM", "SHA-256", "SUBJECT")
	for _, r := range at.Roots {
		t.row("root", r.Expires, r.Alarm, short(r.Fingerprint), r.Subject)
	}
	t.row("signs", at.Signing.Expires, at.Signing.Alarm, short(at.Signing.Fingerprint), at.Signing.Subject)
	t.row()
	for _, h := range at.Lagging {
		t.row("lags", string(h.Instance), fmt.Sprintf("trusts version %d", h.Version))
	}
	for _, h := range at.Outdated {
		t.row("uses the old one", string(h.Instance), "ends "+cell(h.Expires))
	}
	for _, l := range at.Outstanding {
		t.row("not renewed", l.Instance, "ends "+cell(l.Expires))
	}
	for _, h := range at.Troubled {
		t.row("troubled", string(h.Instance), h.Alarm, "ends "+cell(h.Expires), fmt.Sprintf("%d renewals failed: %s", h.Failures, h.Failure))
	}
	for _, r := range at.Revoked {
		t.row("revoked", r.Serial+string(r.Identity), "until "+cell(r.Expires), r.By, r.Reason)
	}
}

func short(fingerprint string) string { return fingerprint[:min(len(fingerprint), 16)] }

func newCARevoke(g *globals) *cobra.Command {
	var in struct {
		What   string `json:"what"`
		Reason string `json:"reason,omitempty"`
	}
	c := &cobra.Command{
		Use:   "revoke SERIAL|SPIFFE-ID",
		Short: "Take back a certificate, or every certificate of an identity up to now",
		Long: "Take back a certificate, or every certificate of an identity up to now. Sidecars refuse its\n" +
			"handshakes and end its connections; it is not renewed. Who has a join token still can get a new\n" +
			"certificate with it: see `sightline token revoke`.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			api, err := g.api()
			if err != nil {
				return err
			}
			in.What = args[0]
			var out mesh.Revocation
			if err := api.Send(c.Context(), http.MethodPost, "/api/v1/ca/revoke", in, &out); err != nil {
				return err
			}
			return g.print(c.OutOrStdout(), out, func(t *table) {
				t.row("revoked", out.Serial, string(out.Identity), "listed until "+out.Expires.Local().Format(time.RFC3339))
			})
		},
	}
	c.Flags().StringVar(&in.Reason, "reason", "", "why, for the timeline")
	return c
}
