package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// meshStatus is what `sightline status` shows.
type meshStatus struct {
	Planes   []mesh.Replica      `json:"controlPlanes"`
	Proxies  []mesh.ProxyStatus  `json:"proxies"`
	Changes  []mesh.ConfigChange `json:"changes"`
	Breakers []mesh.Verdict      `json:"breakers"`
	Signals  []signal.Pipeline   `json:"signals"`
	Store    signal.StoreState   `json:"store"`
	Tenants  []signal.Tenant     `json:"tenants"`
	// Unreadable is what of the state the control plane cannot read.
	Unreadable []mesh.Unreadable `json:"unreadable"`

	Authority mesh.Authority `json:"authority"`

	// Problems are what somebody has to see to; a mesh without any is well.
	Problems []string `json:"problems"`
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
			if err := api.Get(c.Context(), "/api/v1/ca", nil, &s.Authority); err != nil {
				return fmt.Errorf("status: %w", err)
			}
			s.Problems = s.problems()
			slices.SortFunc(s.Proxies, func(a, b mesh.ProxyStatus) int { return cmp.Compare(a.Instance.ID, b.Instance.ID) })
			if err := g.print(c.OutOrStdout(), s, s.text); err != nil {
				return err
			}
			if len(s.Problems) > 0 {
				return errFound
			}
			return nil
		},
	}
}

func (s meshStatus) text(t *table) {
	listProxies(t, s.Proxies)
	listClocks(t, s.Proxies)
	listTurnedAway(t, s.Proxies)
	s.planes(t)
	s.changes(t)
	s.unreadable(t)
	s.identities(t)
	if len(s.Breakers) > 0 {
		t.row()
		t.head("BREAKER", "PHASE", "BY", "REASON")
	}
	for _, v := range s.Breakers {
		t.row(v.Target, string(v.Phase), v.By, v.Reason)
	}
	s.signals(t)
	t.row()
	if len(s.Problems) == 0 {
		t.row("All is well.")
	}
	for _, p := range s.Problems {
		t.row("Not well: " + p)
	}
}

func (s meshStatus) planes(t *table) {
	if len(s.Planes) > 0 {
		t.row()
		t.head("CONTROL PLANE", "ROLE", "ADDRESS", "SINCE", "CLOCK")
	}
	for _, c := range s.Planes {
		role := "follows"
		if c.Leads {
			role = "leads"
		}
		t.row(c.ID, role, c.Address, c.Since, aheadOf(c.ClockAhead()))
	}
}

func (s meshStatus) changes(t *table) {
	if len(s.Changes) > 0 {
		t.row()
		t.head("CHANGE", "OF", "SIDECARS", "FATE", "AT")
	}
	for _, c := range s.Changes[:min(len(s.Changes), changesShown)] {
		t.row(c.Version, namesOf(c), fmt.Sprintf("%d of %d", c.Applied, c.Sidecars), fateOf(c), c.Committed.Local().Format(time.TimeOnly))
	}
}

// unreadable is not cut: the command to remove it is there to be copied.
func (s meshStatus) unreadable(t *table) {
	if len(s.Unreadable) > 0 {
		t.row()
	}
	for _, u := range s.Unreadable {
		t.row("unreadable", u.What(), u.Reason, u.Instead, remedyOf(u))
	}
}

// identities are those that somebody has to see to.
func (s meshStatus) identities(t *table) {
	if !authorityWell(s.Authority) {
		t.row()
		t.head("CERTIFICATE OF", "ALARM", "ENDS", "FAILURE")
	}
	for _, c := range append(slices.Clip(s.Authority.Roots), s.Authority.Signing) {
		if c.Alarm != "" {
			t.row(c.Subject, c.Alarm, c.Expires, "")
		}
	}
	for _, h := range s.Authority.Troubled {
		t.row(string(h.Instance), h.Alarm, h.Expires, h.Failure)
	}
}

func (s meshStatus) signals(t *table) {
	if len(s.Signals) > 0 {
		t.row()
		t.head("SIGNAL", "RECEIVED", "QUEUED", "STORED", "LEFT OUT", "DROPPED", "REFUSED")
		t.spare("LEFT OUT")
	}
	for _, p := range s.Signals {
		t.row(p.Signal, p.Received, p.Queued, p.Stored, p.Dropped[signal.Sampled], p.Lost(), p.Refused)
	}
	s.sent(t)
	s.limits(t)
}

// sent is what sidecars say they made, beside what of it came.
func (s meshStatus) sent(t *table) {
	var any bool
	for _, p := range s.Signals {
		if p.Sidecars == nil {
			continue
		}
		if !any {
			any = true
			t.row()
			t.head("MADE BY SIDECARS", "ITEMS", "RECEIVED", "IN FLIGHT", "DROPPED", "UNACCOUNTED")
		}
		t.row(p.Signal, p.Sidecars.Made, p.Sidecars.Received, p.Sidecars.InFlight, droppedBy(p.Sidecars.Dropped), p.Sidecars.Unaccounted)
	}
}

// droppedBy is how many were dropped, and why.
func droppedBy(reasons map[string]uint64) string {
	var sum uint64
	for _, n := range reasons {
		sum += n
	}
	if sum == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%s)", sum, strings.Join(slices.Sorted(maps.Keys(reasons)), ", "))
}

// limits are what telemetry ran into, where it did.
func (s meshStatus) limits(t *table) {
	head := sync.OnceFunc(func() {
		t.row()
		t.head("LIMIT", "SIGNAL", "COUNT", "OF")
	})
	row := func(limit, signal string, n uint64, of string) {
		head()
		t.row(limit, signal, n, of)
	}
	for _, p := range s.Signals {
		for _, c := range []struct {
			how, of string
			counts  map[string]uint64
		}{
			{"rejected: ", p.Unit, p.Rejected}, {"overflow: ", p.Unit, p.Overflow}, {"truncated: ", "values", p.Truncated},
		} {
			for _, why := range slices.Sorted(maps.Keys(c.counts)) {
				row(c.how+why, p.Signal, c.counts[why], c.of)
			}
		}
	}
	for _, tenant := range s.Tenants {
		for _, why := range slices.Sorted(maps.Keys(tenant.Refused)) {
			row("refused: "+why, tenant.Signal, tenant.Refused[why], "tenant "+tenant.Tenant)
		}
	}
}

// syncOf is whether a sidecar has in force what the control plane says, and why not.
func syncOf(p mesh.ProxyStatus) string {
	switch {
	case p.Instance.Origin != "" && p.Instance.Bare():
		return "no sidecar"
	case p.Instance.Origin != "":
		return "elsewhere"
	case p.Unknown != "":
		return "unknown: " + p.Unknown
	case !p.Connected:
		return "not connected"
	case p.Refusal != "":
		return "refused: " + p.Refusal
	case !p.InSync && p.Behind.IsZero():
		return "pending"
	case !p.InSync:
		return "pending for " + time.Since(p.Behind).Round(100*time.Millisecond).String()
	}
	return "yes"
}

// changesShown is how many of the newest changes are told.
const changesShown = 5

// namesOf are the policies and services of a change, as many as there is room for.
func namesOf(c mesh.ConfigChange) string {
	const room = 3
	names := slices.Clone(c.Policies)
	for _, s := range c.Services {
		names = append(names, string(s))
	}
	names = names[:min(len(names), room)]
	if more := c.Changed + c.PoliciesChanged - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	if len(names) == 0 {
		return "policies" // after all was read anew
	}
	return strings.Join(names, ", ")
}

// fateOf is how a change fared at the sidecars that have to have it.
func fateOf(c mesh.ConfigChange) string {
	var out []string
	if c.Applied > 0 {
		out = append(out, fmt.Sprintf("half in %.1f ms, all in %.1f ms", c.P50, c.Last))
	}
	if c.Refused > 0 {
		out = append(out, fmt.Sprintf("%d refused", c.Refused))
	}
	if c.Left > 0 {
		out = append(out, fmt.Sprintf("%d hung up", c.Left))
	}
	if c.Open() {
		out = append(out, fmt.Sprintf("%d pending for %s", c.Sidecars-c.Applied-c.Refused-c.Left, time.Since(c.Committed).Round(100*time.Millisecond)))
	}
	return strings.Join(out, ", ")
}
