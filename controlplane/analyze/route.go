package analyze

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/analyze/cover"
	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func (a *analyzer) virtualService() {
	s := a.object.VirtualService
	routes, streams := compile.Routes(*a.object)
	a.shadowed(requestRules{routes, func(i int) bool { return s.GetHttp()[i].GetDelegate() != nil }})
	a.shadowed(streamRules(streams, len(s.GetTls())))
	for i, h := range s.GetHttp() {
		path := fmt.Sprintf("spec.http[%d]", i)
		for j, m := range routes[i].Matches {
			a.contradicts(m, fmt.Sprintf("%s.match[%d]", path, j))
		}
		a.weights(h.GetRoute(), path+".route")
		a.tries(h, path)
		a.circles(routes[i], path)
		a.mirrorsBack(h, routes[i], path)
	}
}

// contradicts finds a match that no request can meet.
func (a *analyzer) contradicts(m mesh.Match, path string) {
	if m.Method != nil && m.Method.Exact != strings.ToUpper(m.Method.Exact) {
		a.find(config.CodeFitsNothing, path+".method.exact", "%q is no method: the case of letters counts; want %q", m.Method.Exact, strings.ToUpper(m.Method.Exact))
	}
	for _, name := range slices.Sorted(maps.Keys(m.Without)) {
		banned := m.Without[name]
		have, asked := m.Headers[name]
		if !asked || banned != nil && (have == nil || cover.Texts(banned, have) != cover.Yes) {
			continue
		}
		a.find(config.CodeFitsNothing, fmt.Sprintf("%s.withoutHeaders[%q]", path, name), "excludes every request that headers[%q] asks for; keep one of the two", name)
	}
}

// weights looks at the shares of a route with several destinations.
func (a *analyzer) weights(all []*networking.HTTPRouteDestination, path string) {
	if len(all) < 2 {
		return
	}
	sum, forgotten := int32(0), false
	for _, d := range all {
		sum += d.GetWeight()
	}
	for i, d := range all {
		here := fmt.Sprintf("%s[%d]", path, i)
		if d.GetWeight() != 0 || a.object.Written(here+".weight") {
			continue
		}
		forgotten = true
		if sum > 0 {
			a.find(config.CodeWeightForgotten, here, "has no weight, so it gets no request: the others have all of %d; want weight: %s", sum, rest(sum))
		}
	}
	if !forgotten && sum > 0 && sum != 100 {
		a.find(config.CodeWeightSum, path, "the weights sum to %d, and are taken in proportion to that", sum)
	}
}

// rest is what a forgotten weight was likely to be.
func rest(sum int32) string {
	if sum < 100 {
		return strconv.Itoa(int(100 - sum))
	}
	return "0, or a share"
}

// tries holds the time for one try against the time for all.
func (a *analyzer) tries(h *networking.HTTPRoute, path string) {
	r := h.GetRetries()
	total, each, retries := h.GetTimeout().AsDuration(), r.GetPerTryTimeout().AsDuration(), int64(r.GetAttempts())
	at := path + ".retries.perTryTimeout"
	switch {
	case total <= 0 || each <= 0:
	case retries > 0 && each >= total:
		a.find(config.CodeTriesTooLong, at, "%s leaves no time for another try: the route's timeout is %s; want at most %s for %d tries",
			each, total, (total / time.Duration(retries+1)).Truncate(time.Millisecond), retries+1)
	case each > total:
		a.find(config.CodeNoEffect, at, "%s is longer than the route's timeout of %s and never takes effect", each, total)
	case each*time.Duration(retries) >= total:
		fit := int64((total + each - 1) / each)
		a.find(config.CodeTriesCut, path+".retries.attempts", "%d tries of %s do not fit in the route's timeout of %s: after %d slow ones it ends; want attempts: %d, or a longer timeout",
			retries+1, each, total, fit, fit-1)
	}
}

// circles finds a redirect that the same rule takes again.
func (a *analyzer) circles(r mesh.Route, path string) {
	to := r.Redirect
	if to == nil || to.Scheme == "https" || to.Port != 0 || to.RequestPort || !a.ours(to.Authority) {
		return
	}
	matches := r.Matches
	if len(matches) == 0 {
		matches = []mesh.Match{{}}
	}
	if slices.ContainsFunc(matches, func(m mesh.Match) bool { return again(m, to) }) {
		a.find(config.CodeToItself, path+".redirect", "leads to a request that this rule redirects again, without end; match less, or lead elsewhere")
	}
}

// again reports whether a request that a match fits does so where a redirect leads it.
func again(m mesh.Match, to *mesh.Redirect) bool {
	if to.Authority != "" && cover.Texts(m.Authority, &mesh.StringMatch{Exact: to.Authority}) != cover.Yes {
		return false
	}
	next := mesh.Match{Path: m.Path}
	switch {
	case to.Path != "":
		plain, _, _ := strings.Cut(to.Path, "?")
		next.Path = &mesh.StringMatch{Exact: plain}
	case to.Prefix != "" && to.Elements:
		next.Path = &mesh.StringMatch{Elements: to.Prefix}
	case to.Prefix != "":
		next.Path = &mesh.StringMatch{Prefix: to.Prefix}
	}
	return cover.Match(mesh.Match{Path: m.Path, IgnoreCase: m.IgnoreCase}, next) == cover.Yes
}

// ours reports whether the VirtualService routes an authority; none is the request's own.
func (a *analyzer) ours(authority string) bool {
	if authority == "" {
		return true
	}
	s, err := mesh.ResolveHost(authority, a.object.Namespace)
	return err == nil && slices.Contains(a.object.Hosts(), s)
}

// mirrorsBack finds a mirror to where the requests go anyway.
func (a *analyzer) mirrorsBack(h *networking.HTTPRoute, r mesh.Route, path string) {
	back := func(d *networking.Destination, at string) {
		s, err := mesh.ResolveHost(d.GetHost(), a.object.Namespace)
		if err == nil && slices.ContainsFunc(r.Destinations, func(to mesh.Destination) bool {
			return to.Service == s && to.Subset == d.GetSubset() && to.Weight > 0
		}) {
			a.find(config.CodeToItself, at, "copies requests to %s, where the route sends them already; name another service or subset", strings.TrimSuffix(string(s)+" "+d.GetSubset(), " "))
		}
	}
	if h.GetMirror() != nil {
		back(h.GetMirror(), path+".mirror")
	}
	for i, m := range h.GetMirrors() {
		back(m.GetDestination(), fmt.Sprintf("%s.mirrors[%d].destination", path, i))
	}
}
