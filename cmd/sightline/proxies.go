package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func newProxies(g *globals) *cobra.Command {
	var service string
	c := &cobra.Command{
		Use:               "proxies [instance]",
		Short:             "Instances: connected, in sync, certificate, version, who tells of them; with an instance, all about one",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: g.completeInstance,
		RunE: func(c *cobra.Command, args []string) error {
			all, err := proxies(c, g)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				i := slices.IndexFunc(all, func(p mesh.ProxyStatus) bool { return string(p.Instance.ID) == args[0] })
				if i < 0 {
					return fmt.Errorf("proxies: there is no instance %q", args[0])
				}
				return g.print(c.OutOrStdout(), all[i], func(t *table) { describeProxy(t, all[i]) })
			}
			if service != "" {
				if all, err = ofService(all, service); err != nil {
					return fmt.Errorf("proxies: %w", err)
				}
			}
			g.sayNone(c, len(all), "there is no instance yet: `sightline token create` makes a join token for a sidecar")
			return g.print(c.OutOrStdout(), all, func(t *table) { listProxies(t, all); listClocks(t, all) })
		},
	}
	c.Flags().StringVar(&service, "service", "", "only of this service")
	return c
}

// ofService are the instances of a service, of which there is one at least.
func ofService(all []mesh.ProxyStatus, service string) ([]mesh.ProxyStatus, error) {
	name, err := serviceNamed(service)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(p mesh.ProxyStatus) bool { return p.Instance.Service != name })
	if len(all) == 0 {
		return nil, fmt.Errorf("service %s has no instance", name)
	}
	return all, nil
}

// proxies is every sidecar, by instance.
func proxies(c *cobra.Command, g *globals) ([]mesh.ProxyStatus, error) {
	api, err := g.api()
	if err != nil {
		return nil, err
	}
	var out struct {
		Proxies []mesh.ProxyStatus `json:"proxies"`
	}
	if err := api.Get(c.Context(), "/api/v1/proxies", nil, &out); err != nil {
		return nil, fmt.Errorf("proxies: %w", err)
	}
	slices.SortFunc(out.Proxies, func(a, b mesh.ProxyStatus) int { return cmp.Compare(a.Instance.ID, b.Instance.ID) })
	return out.Proxies, nil
}

func listProxies(t *table, all []mesh.ProxyStatus) {
	t.head("INSTANCE", "SERVICE", "VERSION", "STATE", "IN SYNC", "TOOK", "CERTIFICATE", "ADDRESS", "FROM", "AGE", "PORTS")
	t.spare("AGE", "FROM", "TOOK", "PORTS", "ADDRESS", "CERTIFICATE")
	for _, p := range all {
		t.row(p.Instance.ID, string(p.Instance.Service), string(p.Instance.Version), string(p.Instance.State),
			syncOf(p), took(p), left(p), p.Instance.Address, origin(p.Instance), age(p), portsOf(p.Instance))
	}
}

// portsOf are the app's ports, the first of which callers mean that name none.
func portsOf(i mesh.Instance) string {
	var out []string
	for _, p := range i.AppPorts() {
		out = append(out, p.String())
	}
	return strings.Join(out, ", ")
}

// origin is who tells of an instance.
func origin(i mesh.Instance) string {
	if i.Origin == "" {
		return "sidecar"
	}
	return i.Origin
}

// age is for how long an instance has been told of: by its sidecar, for how long that is
// connected.
func age(p mesh.ProxyStatus) string {
	since := p.Instance.Since
	if since.IsZero() && p.Connected {
		since = p.Since
	}
	if since.IsZero() {
		return "-"
	}
	return time.Since(since).Round(time.Second).String()
}

// took is how long the newest change was on its way to a sidecar.
func took(p mesh.ProxyStatus) string {
	if p.PropagationMs <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f ms", p.PropagationMs)
}

// left is how long a sidecar's certificate is good for.
func left(p mesh.ProxyStatus) string {
	if p.Instance.Origin != "" {
		return "-"
	}
	if p.CertExpires.IsZero() {
		return "unknown" // it is not connected, and says so itself
	}
	d := time.Until(p.CertExpires).Round(time.Minute)
	if d <= 0 {
		return "expired"
	}
	return d.String()
}

// turnedAway is what a sidecar did not take, and how long ago the last of it came.
func turnedAway(a mesh.TurnedAway) string {
	return fmt.Sprintf("%d in plaintext, where it takes mutual TLS alone; the last from %s, %s ago", a.Plaintext, a.From, time.Since(a.Last).Round(time.Second))
}

// listTurnedAway has those that did not take a connection lately.
func listTurnedAway(t *table, all []mesh.ProxyStatus) {
	headed := false
	for _, p := range all {
		if p.TurnedAway.Plaintext == 0 || time.Since(p.TurnedAway.Last) > lately {
			continue
		}
		if !headed {
			t.row()
			t.head("INSTANCE", "TURNED AWAY")
			headed = true
		}
		t.row(p.Instance.ID, turnedAway(p.TurnedAway))
	}
}

// lately is how long connections that were turned away are told of beside other things.
const lately = time.Hour

func describeProxy(t *table, p mesh.ProxyStatus) {
	i := p.Instance
	t.row("instance", string(i.ID))
	t.row("service", string(i.Service))
	t.row("version", string(i.Version))
	t.row("identity", string(i.Identity))
	t.row("address", i.Address)
	for _, p := range i.AppPorts() {
		t.row("port", p.String(), string(p.Protocol))
	}
	t.row("state", string(i.State))
	t.row("told of by", origin(i)+" for "+age(p))
	if i.Origin != "" {
		return // nothing more is known of it
	}
	t.row("in sync", syncOf(p))
	t.row("connected since", p.Since)
	t.row("pushed, accepted", fmt.Sprintf("%d, %d", p.Pushed, p.Accepted))
	t.row("subscribed to", strings.Join(p.Subscribed, " "))
	t.row("certificate", left(p))
	t.row("clock", aheadOf(p.ClockAhead()))
	t.row("sidecar", p.Build)
	if p.TurnedAway.Plaintext > 0 {
		t.row("turned away", turnedAway(p.TurnedAway))
	}
}
