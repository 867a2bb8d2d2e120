package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func (v *validator) virtualService(s *networking.VirtualService) {
	if len(s.GetHosts()) == 0 {
		v.fault("spec.hosts", "is empty; want the name of at least one service")
	}
	for i, host := range s.GetHosts() {
		v.routed(host, fmt.Sprintf("spec.hosts[%d]", i))
	}
	if len(s.GetHttp()) == 0 {
		v.fault("spec.http", "is empty; want at least one route")
	}
	all := "" // the first route that takes every request
	for i, h := range s.GetHttp() {
		path := fmt.Sprintf("spec.http[%d]", i)
		if all != "" {
			v.warn(path, "no request gets here: %s takes every one", all)
		}
		v.httpRoute(h, path)
		if all == "" && CatchesAll(h) {
			all = path
		}
	}
}

// routed notes that the present VirtualService routes a host.
func (v *validator) routed(host, path string) {
	s, ok := v.service(host, path)
	if !ok {
		return
	}
	if other, taken := v.routes[s]; taken {
		v.fault(path, "%q is already routed by %s; one VirtualService routes a host", host, other.Key())
		return
	}
	v.routes[s] = v.object
	if !v.known(s) {
		v.warn(path, "no service %q has joined yet, nor has it a DestinationRule", s)
	}
}

// CatchesAll reports whether a route takes every request that reaches it.
func CatchesAll(h *networking.HTTPRoute) bool {
	if len(h.GetMatch()) == 0 {
		return true
	}
	return slices.ContainsFunc(h.GetMatch(), func(m *networking.HTTPMatchRequest) bool {
		uri := m.GetUri()
		path := uri == nil || uri.GetPrefix() == "/" || uri.GetRegex() == ".*"
		return path && m.GetMethod() == nil && len(m.GetHeaders()) == 0
	})
}

func (v *validator) httpRoute(h *networking.HTTPRoute, path string) {
	for i, m := range h.GetMatch() {
		v.match(m, fmt.Sprintf("%s.match[%d]", path, i))
	}
	if len(h.GetRoute()) == 0 {
		v.fault(path+".route", "is empty; want at least one destination")
	}
	sum := int64(0)
	for i, d := range h.GetRoute() {
		here := fmt.Sprintf("%s.route[%d]", path, i)
		if d.GetWeight() < 0 {
			v.fault(here+".weight", "%d is below 0", d.GetWeight())
		}
		sum += int64(d.GetWeight())
		v.destination(d.GetDestination(), here+".destination")
	}
	if len(h.GetRoute()) > 1 && sum <= 0 {
		v.fault(path+".route", "the weights sum to %d, so no request could be sent; give at least one above 0", sum)
	}
	if h.GetTimeout() != nil && h.GetTimeout().AsDuration() != 0 { // 0 is Istio's way to say none
		v.positive(h.GetTimeout(), path+".timeout")
	}
	v.retries(h, path)
}

func (v *validator) destination(d *networking.Destination, path string) {
	s, ok := v.service(d.GetHost(), path+".host")
	if !ok {
		return
	}
	if !v.known(s) {
		v.warn(path+".host", "no service %q has joined yet, nor has it a DestinationRule", s)
	}
	if d.GetSubset() == "" {
		return
	}
	rule, ok := v.rules[s]
	if !ok {
		v.fault(path+".subset", "%q is unknown: %s has no DestinationRule; apply one that defines this subset", d.GetSubset(), s)
		return
	}
	var names []string
	for _, sub := range rule.DestinationRule.GetSubsets() {
		names = append(names, sub.GetName())
		if sub.GetName() == d.GetSubset() {
			v.populated(s, sub, path)
		}
	}
	if !slices.Contains(names, d.GetSubset()) {
		v.fault(path+".subset", "%q is unknown: %s defines %s", d.GetSubset(), rule.Key(), orNone(enumerate(names)))
	}
}

// populated warns of a subset that would get requests and has nobody to serve them.
func (v *validator) populated(s mesh.ServiceName, sub *networking.Subset, path string) {
	if v.world.selected(s, sub.GetLabels()) == 0 {
		v.warn(path+".subset", "%q has no running instance: none of %s carries %s", sub.GetName(), s, show(sub.GetLabels()))
	}
}

func orNone(s string) string {
	if s == "" {
		return "no subset"
	}
	return s
}

func (v *validator) match(m *networking.HTTPMatchRequest, path string) {
	v.stringMatch(m.GetUri(), path+".uri")
	v.stringMatch(m.GetMethod(), path+".method")
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(m.GetHeaders())) {
		here, lower := fmt.Sprintf("%s.headers[%q]", path, name), strings.ToLower(name)
		switch {
		case seen[lower]:
			v.fault(here, "%q is there twice: the case of letters makes no difference", name)
		case slices.Contains([]string{"uri", "scheme", "method", "authority"}, name), strings.HasPrefix(name, ":"):
			v.fault(here, "%q is not a header; use the match's own field of that name", name)
		case !token(name):
			v.fault(here, "%q is not the name of a header", name)
		}
		seen[lower] = true
		if is := m.GetHeaders()[name]; is.GetMatchType() != nil { // none asks for presence
			v.stringMatch(is, here)
		}
	}
}

func (v *validator) stringMatch(m *networking.StringMatch, path string) {
	if m == nil {
		return
	}
	switch is := m.GetMatchType().(type) {
	case nil:
		v.fault(path, "is empty; want exact, prefix or regex")
	case *networking.StringMatch_Prefix:
		if is.Prefix == "" {
			v.fault(path+".prefix", "is empty; leave the match out to take every request")
		}
	case *networking.StringMatch_Regex:
		if is.Regex == "" {
			v.fault(path+".regex", "is empty; leave the match out to take every request")
		} else if _, err := regexp.Compile("^(?:" + is.Regex + ")$"); err != nil {
			v.fault(path+".regex", "%q is not a regular expression (RE2): %v", is.Regex, err)
		}
	}
}

// token reports whether s may be the name of a header (RFC 9110, section 5.6.2).
func token(s string) bool {
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

func (v *validator) retries(h *networking.HTTPRoute, path string) {
	r := h.GetRetries()
	if r == nil {
		return
	}
	at := path + ".retries."
	if r.GetAttempts() < 0 {
		v.fault(at+"attempts", "%d is below 0; 0 turns retries off", r.GetAttempts())
	}
	v.positive(r.GetPerTryTimeout(), at+"perTryTimeout")
	total, each := h.GetTimeout().AsDuration(), r.GetPerTryTimeout().AsDuration()
	if total > 0 && each > total {
		v.warn(at+"perTryTimeout", "%s is longer than the route's timeout of %s and never takes effect", each, total)
	}
	for _, word := range RetryConditions(r.GetRetryOn()) {
		if !retryWord(word) {
			v.fault(at+"retryOn", "%q is not a condition; want %s, or a status code", word, enumerate(retryWords()))
		}
	}
}

// RetryConditions splits retryOn into its words.
func RetryConditions(on string) []string {
	var words []string
	for word := range strings.SplitSeq(on, ",") {
		if word = strings.TrimSpace(word); word != "" {
			words = append(words, word)
		}
	}
	return words
}

func retryWord(word string) bool {
	if code, err := strconv.Atoi(word); err == nil {
		return code >= 100 && code <= 599
	}
	return slices.Contains(retryWords(), word)
}

// retryWords are Envoy's names for conditions, as far as the mesh has them.
func retryWords() []string {
	return []string{
		"5xx", "gateway-error", "connect-failure", "refused-stream", "reset", "reset-before-request",
		"retriable-4xx", "unavailable", "cancelled", "deadline-exceeded", "internal", "resource-exhausted",
		"retriable-status-codes",
	}
}
