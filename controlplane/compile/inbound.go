package compile

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	security "istio.io/api/security/v1beta1"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Policies are all that govern the inbound sides of workloads, compiled, each with
// the workloads it selects. They are in a fixed order.
type Policies struct {
	all   []selected
	peers config.PeerModes
	seers []seer // of the way out

	onward []config.Object // entries of resolution NONE
}

type selected struct {
	key       string // of the resource; "" is the mesh's own
	namespace string // "" is every one
	labels    map[string]string

	authorization *mesh.Authorization
	tokens        []mesh.TokenRule
	rates         []mesh.RateRule
	inFlight      []mesh.InFlight
	sampling      *sampling
	logging       []logging
	telling       []telling
	measuring     []measuring
	paths         mesh.PathNormalization
}

// InboundPolicies finds the policies among the resources.
func InboundPolicies(objs []config.Object) Policies {
	sorted := slices.SortedFunc(slices.Values(objs), func(x, y config.Object) int { return cmp.Compare(x.Key(), y.Key()) })
	out := Policies{peers: config.NewPeerModes(objs), seers: seers(sorted)}
	for _, o := range sorted {
		if o.ServiceEntry != nil && len(o.ServiceEntry.Onward) > 0 {
			out.onward = append(out.onward, o)
			continue
		}
		p := selected{key: o.Key(), namespace: o.Namespace, labels: o.Selector()}
		if mesh.IsRoot(o.Namespace) {
			p.namespace = "" // Istio's root namespace: its policies hold for all
		}
		switch {
		case o.AuthorizationPolicy != nil:
			p.authorization = authorization(o)
		case o.RequestAuthentication != nil:
			p.tokens = tokens(o)
		case o.RateLimit != nil:
			p.rates, p.inFlight = rates(o)
		case o.Telemetry != nil, o.TraceSampling != nil:
			p.sampling, p.logging, p.telling, p.measuring = samplingOf(o), loggingOf(o), tellingOf(o), measuringOf(o)
		default:
			continue
		}
		out.all = append(out.all, p)
	}
	return out
}

// With adds what holds for all of the mesh and no resource says.
func (ps Policies) With(paths mesh.PathNormalization) Policies {
	if paths == "" {
		return ps
	}
	ps.all = append(slices.Clip(ps.all), selected{paths: paths})
	return ps
}

// For is what an instance has to enforce.
func (ps Policies) For(i mesh.Instance) mesh.Inbound {
	var in mesh.Inbound
	for _, p := range ps.all {
		if !p.selects(i) {
			continue
		}
		if p.authorization != nil {
			in.Authorization = append(in.Authorization, *p.authorization)
		}
		in.Tokens = append(in.Tokens, p.tokens...)
		in.Rates = append(in.Rates, p.rates...)
		in.InFlight = append(in.InFlight, p.inFlight...)
		if p.paths != "" {
			in.PathNormalization = p.paths
		}
	}
	in.Sampling, in.Logs, in.Spans, in.Metrics = ps.samplingFor(i), ps.logsFor(i), ps.spansFor(i), ps.metricsFor(i)
	ps.mutualTLS(i, &in)
	in.Onward = ps.onwardFor(i)
	return in
}

// Equal reports whether two sets of policies say the same.
func (ps Policies) Equal(other Policies) bool { return reflect.DeepEqual(ps, other) }

// mutualTLS says what the instance takes, and what at ports of which that differs. Where
// its app has one port alone, that is what it takes: a sidecar need not know of ports.
func (ps Policies) mutualTLS(i mesh.Instance, in *mesh.Inbound) {
	of := func(port uint16) mesh.MTLSMode {
		mode, _ := ps.peers.For(i.Service.Namespace(), i.Labels, port)
		return mode
	}
	ports := i.AppPorts()
	all := of(0)
	if len(ports) == 1 {
		all = of(ports[0].Number)
	}
	if all != mesh.Strict {
		in.MTLS = all
	}
	for _, p := range ports {
		if mode := of(p.Number); mode != all {
			in.PortMTLS = append(in.PortMTLS, mesh.PortMTLS{Port: p.Number, Mode: mode})
		}
	}
}

func (p selected) selects(i mesh.Instance) bool {
	if p.namespace != "" && p.namespace != i.Service.Namespace() {
		return false
	}
	for k, v := range p.labels {
		if have, ok := i.Labels[k]; !ok || have != v {
			return false
		}
	}
	return true
}

func authorization(o config.Object) *mesh.Authorization {
	p := o.AuthorizationPolicy
	out := &mesh.Authorization{
		Name: o.Namespace + "/" + o.Name, Action: mesh.AuthorizationAction(p.GetAction().String()), DryRun: o.DryRun(),
	}
	for _, r := range p.GetRules() {
		out.Rules = append(out.Rules, rule(r, o.Namespace))
	}
	return out
}

func rule(r *security.Rule, namespace string) mesh.AuthorizationRule {
	var out mesh.AuthorizationRule
	for _, f := range r.GetFrom() {
		out.From = append(out.From, source(f.GetSource(), namespace))
	}
	for _, t := range r.GetTo() {
		out.To = append(out.To, operation(t.GetOperation()))
	}
	for _, w := range r.GetWhen() {
		c := mesh.Condition{Key: w.GetKey(), Values: w.GetValues(), NotValues: w.GetNotValues()}
		if c.Key == "source.serviceAccount" {
			c.Values, c.NotValues = accounts(c.Values, namespace), accounts(c.NotValues, namespace)
		}
		out.When = append(out.When, c)
	}
	return out
}

func source(s *security.Source, namespace string) mesh.Source {
	return mesh.Source{
		Principals: s.GetPrincipals(), NotPrincipals: s.GetNotPrincipals(),
		RequestPrincipals: s.GetRequestPrincipals(), NotRequestPrincipals: s.GetNotRequestPrincipals(),
		Namespaces: s.GetNamespaces(), NotNamespaces: s.GetNotNamespaces(),
		ServiceAccounts:    accounts(s.GetServiceAccounts(), namespace),
		NotServiceAccounts: accounts(s.GetNotServiceAccounts(), namespace),
		TrustDomains:       s.GetTrustDomains(), NotTrustDomains: s.GetNotTrustDomains(),
		IPBlocks: s.GetIpBlocks(), NotIPBlocks: s.GetNotIpBlocks(),
		RemoteIPBlocks: s.GetRemoteIpBlocks(), NotRemoteIPBlocks: s.GetNotRemoteIpBlocks(),
	}
}

// accounts are service accounts with their namespaces, the policy's where they
// name none.
func accounts(names []string, namespace string) []string {
	var out []string
	for _, n := range names {
		if !strings.Contains(n, "/") {
			n = namespace + "/" + n
		}
		out = append(out, n)
	}
	return out
}

func operation(o *security.Operation) mesh.Operation {
	return mesh.Operation{
		Hosts: o.GetHosts(), NotHosts: o.GetNotHosts(), Ports: o.GetPorts(), NotPorts: o.GetNotPorts(),
		Methods: o.GetMethods(), NotMethods: o.GetNotMethods(), Paths: o.GetPaths(), NotPaths: o.GetNotPaths(),
	}
}
