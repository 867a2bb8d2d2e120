package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Split is how the resources divide the requests of a service over its versions.
type Split struct {
	Weights map[mesh.Version]uint32 // empty where nothing was asked for
	Route   *Object                 // the VirtualService that says so; nil for none
	Matches bool                    // routes with conditions stand before the split
}

// SplitOf reads the split of a service: the weights of the last route of its
// VirtualService, if that takes every request. Destinations that stand for no
// version of the service are left out.
func SplitOf(all []Object, s mesh.ServiceName) Split {
	vs := owner(all, KindVirtualService, s)
	if vs == nil {
		return Split{}
	}
	out := Split{Route: vs}
	routes := vs.VirtualService.GetHttp()
	for _, h := range routes {
		if !CatchesAll(h) {
			out.Matches = true
			continue
		}
		out.Weights = make(map[mesh.Version]uint32)
		for _, d := range h.GetRoute() {
			version, ok := versionOf(all, vs, s, d.GetDestination())
			if !ok {
				continue
			}
			weight := uint32(max(d.GetWeight(), 0))
			if len(h.GetRoute()) == 1 {
				weight = 100
			}
			out.Weights[version] += weight
		}
		break
	}
	return out
}

// owner is the resource of a kind that is about a service, nil for none.
func owner(all []Object, kind string, s mesh.ServiceName) *Object {
	for _, o := range all {
		if o.Kind == kind && slices.Contains(o.Hosts(), s) {
			return &o
		}
	}
	return nil
}

// squatter is the key that a new resource of a kind for s would have, if a resource
// about something else has it already.
func squatter(all []Object, kind string, s mesh.ServiceName) string {
	key := Object{Kind: kind, Namespace: s.Namespace(), Name: s.Name()}.Key()
	if owner(all, kind, s) == nil && slices.ContainsFunc(all, func(o Object) bool { return o.Key() == key }) {
		return key
	}
	return ""
}

// versionOf is the version of s that a destination stands for.
func versionOf(all []Object, vs *Object, s mesh.ServiceName, d *networking.Destination) (mesh.Version, bool) {
	if host, err := vs.host(d.GetHost()); err != nil || host != s {
		return "", false
	}
	rule := owner(all, KindDestinationRule, s)
	if rule == nil {
		return "", false
	}
	for _, sub := range rule.DestinationRule.GetSubsets() {
		if v := sub.GetLabels()["version"]; sub.GetName() == d.GetSubset() && v != "" {
			return mesh.Version(v), true
		}
	}
	return "", false
}

// SetWeights says how the manifests must read for the requests of a service to be
// divided by these weights: it returns the resources that change or are new, ready
// to be validated and stored. Versions without a weight get no requests. The rest
// of a manifest stays, comments included: routes with conditions, timeouts,
// retries, policies. A route that splits over other services too is left to a
// person, with an error that says so.
func SetWeights(all []Object, s mesh.ServiceName, weights map[mesh.Version]uint32) ([]Object, error) {
	if !slices.ContainsFunc(slices.Collect(maps.Values(weights)), func(w uint32) bool { return w > 0 }) {
		return nil, fmt.Errorf("set weights of %s: they sum to 0, so no request could be sent; give at least one above 0", s)
	}
	for _, kind := range []string{KindDestinationRule, KindVirtualService} {
		if other := squatter(all, kind, s); other != "" {
			return nil, fmt.Errorf("set weights of %s: %s is about another host, so it cannot hold them; rename it", s, other)
		}
	}
	var changed []Object
	rule, subsets, err := withSubsets(owner(all, KindDestinationRule, s), s, weights)
	if err != nil {
		return nil, fmt.Errorf("set weights of %s: %w", s, err)
	}
	if rule != nil {
		changed = append(changed, *rule)
	}
	split := make([]share, 0, len(weights))
	for _, v := range slices.Sorted(maps.Keys(weights)) {
		split = append(split, share{subset: subsets[v], weight: weights[v]})
	}
	route, err := withSplit(owner(all, KindVirtualService, s), s, split)
	if err != nil {
		return nil, fmt.Errorf("set weights of %s: %w", s, err)
	}
	return append(changed, route), nil
}

// share is one destination of a split.
type share struct {
	subset string
	weight uint32
}

// withSubsets makes sure that each version has a subset of its own, and returns
// the names of those. The object is nil when nothing has to change.
func withSubsets(rule *Object, s mesh.ServiceName, weights map[mesh.Version]uint32) (*Object, map[mesh.Version]string, error) {
	named, missing, err := subsetNames(rule, slices.Sorted(maps.Keys(weights)))
	if err != nil || len(missing) == 0 {
		return nil, named, err
	}
	doc, err := editDocument(rule, KindDestinationRule, s)
	if err != nil {
		return nil, nil, err
	}
	spec := doc.field("spec")
	spec.setDefault("host", s.Name())
	subsets := spec.list("subsets")
	for _, v := range missing {
		subsets.add(pair{"name", string(v)}, pair{"labels", []pair{{"version", string(v)}}})
	}
	out, err := doc.object()
	return out, named, err
}

// subsetNames are the names of the subsets that stand for the versions, those of
// the missing ones included.
func subsetNames(rule *Object, versions []mesh.Version) (named map[mesh.Version]string, missing []mesh.Version, err error) {
	named = make(map[mesh.Version]string)
	taken := make(map[string]bool)
	if rule != nil {
		for _, sub := range rule.DestinationRule.GetSubsets() {
			taken[sub.GetName()] = true
			if v := mesh.Version(sub.GetLabels()["version"]); v != "" && len(sub.GetLabels()) == 1 && named[v] == "" {
				named[v] = sub.GetName()
			}
		}
	}
	for _, v := range versions {
		switch {
		case v == "":
			return nil, nil, errors.New("a version has no name")
		case named[v] != "":
		case taken[string(v)]:
			return nil, nil, fmt.Errorf("the subset %q of %s does not stand for version %q alone; give that version a subset", v, rule.Key(), v)
		default:
			named[v] = string(v)
			missing = append(missing, v)
		}
	}
	return named, missing, nil
}

// withSplit makes the last route of a VirtualService, which must take every
// request, divide by these shares; it adds one if there is none.
func withSplit(vs *Object, s mesh.ServiceName, split []share) (Object, error) {
	doc, err := editDocument(vs, KindVirtualService, s)
	if err != nil {
		return Object{}, err
	}
	spec := doc.field("spec")
	if vs == nil {
		spec.list("hosts").addText(s.Name())
	}
	http := spec.list("http")
	at := -1
	if vs != nil {
		at = slices.IndexFunc(vs.VirtualService.GetHttp(), CatchesAll)
		if at >= 0 {
			if err := onlyTo(vs, s, vs.VirtualService.GetHttp()[at]); err != nil {
				return Object{}, err
			}
		}
	}
	if at < 0 {
		at = http.addEmpty()
	}
	host := s.Name()
	if vs != nil && vs.Namespace != s.Namespace() {
		host = s.Name() + "." + s.Namespace()
	}
	http.item(at).list("route").resplit(host, split)
	out, err := doc.object()
	if err != nil {
		return Object{}, err
	}
	return *out, nil
}

// onlyTo refuses a route with a destination outside the service, or to all of it.
func onlyTo(vs *Object, s mesh.ServiceName, h *networking.HTTPRoute) error {
	if h.GetRedirect() != nil || h.GetDirectResponse() != nil {
		return fmt.Errorf("%s answers every request itself; edit the manifest", vs.Key())
	}
	for i, d := range h.GetRoute() {
		to, err := vs.host(d.GetDestination().GetHost())
		if err != nil {
			return err
		}
		if to != s {
			return fmt.Errorf("%s sends a share to %q (route[%d]), which weights of versions cannot express; edit the manifest", vs.Key(), to, i)
		}
	}
	return nil
}
