package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// meshStatus is what `sightline status` shows.
type meshStatus struct {
	Planes   []mesh.Replica     `json:"controlPlanes"`
	Proxies  []mesh.ProxyStatus `json:"proxies"`
	Breakers []mesh.Verdict     `json:"breakers"`
	Signals  []signal.Pipeline  `json:"signals"`
}

func newStatus(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Is the mesh all right: sidecars, breakers, telemetry; exit status 1 if not",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			api, err := g.api()
			if err != nil {
				return err
			}
			var s meshStatus
			for _, path := range []string{"/api/v1/proxies", "/api/v1/breakers", "/api/v1/pipeline"} {
				if err := api.Get(c.Context(), path, nil, &s); err != nil {
					return fmt.Errorf("status: %w", err)
				}
			}
			slices.SortFunc(s.Proxies, func(a, b mesh.ProxyStatus) int { return cmp.Compare(a.Instance.ID, b.Instance.ID) })
			if err := g.print(c.OutOrStdout(), s, s.text); err != nil {
				return err
			}
			if !s.well() {
				return errFound
			}
			return nil
		},
	}
}

func (s meshStatus) text(t *table) {
	t.row("INSTANCE", "SERVICE", "VERSION", "STATE", "IN SYNC", "CERTIFICATE", "ADDRESS")
	for _, p := range s.Proxies {
		sync := "yes"
		switch {
		case p.Unknown != "":
			sync = "unknown: " + p.Unknown
		case !p.Connected:
			sync = "not connected"
		case p.Refusal != "":
			sync = "refused: " + p.Refusal
		case !p.InSync:
			sync = "pending"
		}
		left := time.Until(p.CertExpires).Round(time.Minute)
		t.row(p.Instance.ID, string(p.Instance.Service), string(p.Instance.Version), string(p.Instance.State), sync, left, p.Instance.Address)
	}
	t.row()
	for _, c := range s.Planes {
		leads := "follows"
		if c.Leads {
			leads = "leads"
		}
		t.row("control plane", c.ID, leads, c.Address, "since", c.Since)
	}
	for _, v := range s.Breakers {
		t.row("breaker", v.Target, string(v.Phase), v.By, v.Reason)
	}
	for _, p := range s.Signals {
		var dropped uint64
		for _, n := range p.Dropped {
			dropped += n
		}
		t.row(p.Signal, fmt.Sprintf("received %d", p.Received), fmt.Sprintf("queued %d", p.Queued),
			fmt.Sprintf("stored %d", p.Stored), fmt.Sprintf("dropped %d", dropped))
	}
}

// well reports whether every sidecar is connected and in sync and no breaker is tripped.
func (s meshStatus) well() bool {
	bad := slices.ContainsFunc(s.Proxies, func(p mesh.ProxyStatus) bool { return !p.Connected || !p.InSync })
	return !bad && len(s.Breakers) == 0
}
