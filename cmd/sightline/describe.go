package main

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/cmd/sightline/client"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/topology/graph"
)

// description is all there is to say about a service.
type description struct {
	Service   graph.Node         `json:"service"`
	Callers   []graph.Edge       `json:"callers"`
	Callees   []graph.Edge       `json:"callees"`
	Instances []mesh.ProxyStatus `json:"instances"`
	Verdicts  []mesh.Verdict     `json:"verdicts"`
	Traffic   mesh.Traffic       `json:"traffic"`
	Routes    []config.Origin    `json:"routes"`
	Resources []mesh.Resource    `json:"resources"`
	Events    []mesh.Event       `json:"events"`
}

const eventsDescribed = 10

func newDescribe(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:               "describe service",
		Short:             "All about a service: instances, traffic, breakers, configuration, callers, what happened last",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: g.completeService,
		RunE: func(c *cobra.Command, args []string) error {
			service, err := serviceNamed(args[0])
			if err != nil {
				return fmt.Errorf("describe: %w", err)
			}
			api, err := g.api()
			if err != nil {
				return err
			}
			d, err := describe(c, api, string(service))
			if err != nil {
				return fmt.Errorf("describe %s: %w", service, err)
			}
			return g.print(c.OutOrStdout(), d, d.text)
		},
	}
}

func describe(c *cobra.Command, api *client.Client, service string) (description, error) {
	var d description
	ctx := c.Context()
	if err := api.Get(ctx, "/api/v1/services/"+url.PathEscape(service), nil, &d); err != nil {
		return d, err
	}
	if err := api.Get(ctx, "/api/v1/traffic/"+url.PathEscape(service), nil, &d.Traffic); err != nil {
		return d, err
	}
	var all struct {
		Resources []mesh.Resource `json:"resources"`
	}
	if err := api.Get(ctx, configPath, nil, &all); err != nil {
		return d, err
	}
	d.Resources, d.Routes = about(all.Resources, mesh.ServiceName(service))
	return d, api.Get(ctx, "/api/v1/events", url.Values{"service": {service}, "limit": {strconv.Itoa(eventsDescribed)}}, &d)
}

// about are the resources that may be about a service, those that its routes are delegated
// to among them, and where each of its routes is written.
func about(all []mesh.Resource, service mesh.ServiceName) ([]mesh.Resource, []config.Origin) {
	var objects []config.Object
	concerned := map[string]bool{}
	for _, r := range all {
		of, err := config.Parse([]byte(r.Manifest))
		if err != nil { // of a newer program: not ours to judge
			continue
		}
		objects = append(objects, of...)
		for _, o := range of {
			concerned[o.Key()] = o.Concerns(service)
		}
	}
	routes := config.Origins(objects, service)
	for _, r := range routes {
		concerned[r.Resource] = true
	}
	out := []mesh.Resource{}
	for _, r := range all {
		if concerned[r.Kind+" "+r.Namespace+"/"+r.Name] {
			out = append(out, r)
		}
	}
	return out, routes
}

func (d description) text(t *table) {
	s := d.Service
	t.row(fmt.Sprintf("%s: %s, %.1f requests/s, %.2f %% failed, p50 %.1f ms, p99 %.1f ms", s.ID, d.standing(), s.RPS, 100*s.ErrorShare, s.P50, s.P99))
	t.row()
	listProxies(t, d.Instances)
	listTurnedAway(t, d.Instances)
	t.row()
	t.head("VERSION", "WEIGHT", "REQUESTS/S", "FAILED", "P99", "BREAKER")
	for _, v := range versionsOf(d.Traffic) {
		weight := "even"
		if len(d.Traffic.Weights) > 0 {
			weight = strconv.Itoa(int(d.Traffic.Weights[v]))
		}
		t.row(append([]any{string(v), weight}, d.seen(v)...)...)
	}
	t.row()
	for _, v := range d.Verdicts {
		t.row("breaker " + v.ID + ": " + v.Target.String() + " is " + string(v.Phase) + " by " + v.By + ": " + v.Reason)
		t.row()
	}
	t.row("CALLED BY", strings.Join(names(d.Callers, func(e graph.Edge) string { return e.Source }), " "))
	t.row("CALLS", strings.Join(names(d.Callees, func(e graph.Edge) string { return e.Destination }), " "))
	if len(d.Routes) > 0 {
		t.row()
		t.head("ROUTE", "WRITTEN IN", "DELEGATED BY")
	}
	for _, r := range d.Routes {
		t.row(r.Route, r.At(), r.By())
	}
	if len(d.Routes) > 0 {
		t.row()
	}
	for _, r := range d.Resources {
		t.row("CONFIGURED BY", r.Kind+" "+r.Namespace+"/"+r.Name, r.Changed, r.By)
	}
	if len(d.Events) > 0 {
		t.row()
		t.head("TIME", "KIND", "BY", "WHAT")
	}
	for _, e := range d.Events {
		t.row(e.Time, string(e.Kind), e.By, e.Summary)
	}
}

// standing is how the service is: its health is that of the requests it had, which says
// nothing where there is no instance any more that would answer the next one.
func (d description) standing() string {
	health, none := string(d.Service.Health), d.unserved()
	switch {
	case none == "" || d.Service.ID == graph.Outside:
		return health
	case d.Service.Health == graph.Healthy:
		return none
	}
	return none + ", " + health
}

// unserved says that no instance takes requests and what keeps them from it; empty is
// that one does, or that they only call.
func (d description) unserved() string {
	if len(d.Instances) == 0 {
		return "no instance is known"
	}
	away, states := 0, map[mesh.InstanceState]int{}
	for _, p := range d.Instances {
		switch told := p.Instance.Origin != ""; {
		case !p.Connected && !told && p.Unknown == "":
			away++
		case p.Instance.State == mesh.Starting, p.Instance.State == mesh.Draining:
			states[p.Instance.State]++
		default:
			return ""
		}
	}
	if away == len(d.Instances) {
		return "no instance is connected"
	}
	var why []string
	for _, one := range []struct {
		n    int
		what string
	}{{away, "not connected"}, {states[mesh.Starting], "starting"}, {states[mesh.Draining], "draining"}} {
		if one.n > 0 {
			why = append(why, fmt.Sprintf("%d %s", one.n, one.what))
		}
	}
	return "no instance is ready (" + strings.Join(why, ", ") + ")"
}

// seen is what a version did lately: its rate, failed share, p99 and breaker.
func (d description) seen(v mesh.Version) []any {
	i := slices.IndexFunc(d.Service.Versions, func(s graph.Version) bool { return s.Version == string(v) })
	if i < 0 {
		return []any{"", "", "", ""}
	}
	s := d.Service.Versions[i]
	return []any{fmt.Sprintf("%.1f", s.RPS), fmt.Sprintf("%.2f %%", 100*s.ErrorShare), fmt.Sprintf("%.1f ms", s.P99), string(s.Breaker)}
}

// names are those at one end of edges, each once.
func names(edges []graph.Edge, of func(graph.Edge) string) []string {
	var out []string
	for _, e := range edges {
		out = append(out, of(e))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
