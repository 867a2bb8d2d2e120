package config

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	telemetry "istio.io/api/telemetry/v1alpha1"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func (v *validator) telemetry(t *telemetry.Telemetry) {
	v.selects()
	if len(t.GetTracing())+len(t.GetAccessLogging())+len(t.GetMetrics()) == 0 {
		v.fault("spec.tracing", "is missing, so nothing is said; want an entry, or accessLogging or metrics")
	}
	v.metrics(t.GetMetrics())
	v.tracing(t.GetTracing())
	for i, a := range t.GetAccessLogging() {
		v.accessLogging(a, fmt.Sprintf("spec.accessLogging[%d]", i))
	}
	path := fmt.Sprintf("metadata.annotations[%q]", DropErrorsAnnotation)
	switch value, there := v.object.annotations[DropErrorsAnnotation]; {
	case !there || value == "false":
	case value != "true":
		v.fault(path, "%q is not right; want \"true\" or \"false\"", value)
	case len(t.GetAccessLogging()) == 0:
		v.fault(path, "has nothing to drop without accessLogging; remove the annotation")
	}
}

// tracing holds the entries for each direction to one.
func (v *validator) tracing(all []*telemetry.Tracing) {
	taken := map[telemetry.WorkloadMode]int{}
	for i, t := range all {
		at, mode := fmt.Sprintf("spec.tracing[%d]", i), t.GetMatch().GetMode()
		for other, first := range taken {
			if mode == other || mode == telemetry.WorkloadMode_CLIENT_AND_SERVER || other == telemetry.WorkloadMode_CLIENT_AND_SERVER {
				v.fault(at, "is about the same requests as spec.tracing[%d], of which only one can hold; keep one", first)
				break
			}
		}
		taken[mode] = i
		if t.GetRandomSamplingPercentage() == nil && t.GetDisableSpanReporting() == nil && len(t.GetCustomTags()) == 0 {
			v.fault(at, "says nothing; want randomSamplingPercentage, disableSpanReporting or customTags")
		}
		if t.GetRandomSamplingPercentage() != nil && mode != telemetry.WorkloadMode_CLIENT_AND_SERVER {
			v.fault(at+".randomSamplingPercentage", "holds either way: a sidecar decides on the traces that start at it; leave match out, or give another entry")
		}
		v.spanTags(t.GetCustomTags(), at+".customTags")
	}
}

// secretHeaders are not to be kept anywhere.
var secretHeaders = []string{"authorization", "proxy-authorization", "cookie", "set-cookie"}

func (v *validator) spanTags(tags map[string]*telemetry.Tracing_CustomTag, path string) {
	if len(tags) > mesh.MaxSpanTags {
		v.fault(path, "has %d tags; at most %d are told", len(tags), mesh.MaxSpanTags)
	}
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		at, t := fmt.Sprintf("%s[%q]", path, name), tags[name]
		switch {
		case name == "" || len(name) > mesh.MaxSpanTagName:
			v.fault(at, "%q is not a name; want 1 to %d bytes", name, mesh.MaxSpanTagName)
		case mesh.OwnSpanKey(name):
			v.fault(at, "%q is the mesh's own; choose another name", name)
		}
		v.spanTag(t, at)
	}
}

func (v *validator) spanTag(t *telemetry.Tracing_CustomTag, at string) {
	switch h := t.GetHeader(); {
	case t.GetType() == nil:
		v.fault(at, "has no value; want literal or header")
	case h == nil:
		if n := len(t.GetLiteral().GetValue()); n == 0 || n > mesh.MaxSpanTagValue {
			v.fault(at+".literal.value", "has %d bytes; want 1 to %d", n, mesh.MaxSpanTagValue)
		}
	case slices.Contains(secretHeaders, strings.ToLower(h.GetName())):
		v.fault(at+".header.name", "%q holds secrets, which are kept nowhere; name another header", h.GetName())
	default:
		v.headerName(h.GetName(), at+".header.name")
		if n := len(h.GetDefaultValue()); n > mesh.MaxSpanTagValue {
			v.fault(at+".header.defaultValue", "has %d bytes; want at most %d", n, mesh.MaxSpanTagValue)
		}
	}
}

func (v *validator) accessLogging(a *telemetry.AccessLogging, at string) {
	if a.GetFilter() == nil {
		return
	}
	if a.GetDisabled().GetValue() {
		v.fault(at+".filter", "has no meaning beside disabled: true; keep one")
	}
	if a.GetFilter().GetExpression() == "" {
		v.fault(at+".filter.expression", "is missing; want one such as response.code >= 400")
	} else if _, err := LogFilter(a.GetFilter().GetExpression()); err != nil {
		v.fault(at+".filter.expression", "%v", err)
	}
}

func (v *validator) traceSampling(s *TraceSampling) {
	v.selects()
	if len(s.Rules) == 0 && !s.KeepErrors && s.KeepSlower == 0 {
		v.fault("spec", "has neither rules nor keep, so it says nothing; want one of them")
	}
	if s.KeepSlower < 0 {
		v.fault("spec.keep.slowerThan", "%s is below 0", s.KeepSlower)
	}
	for i := range s.Rules {
		v.samplingRule(&s.Rules[i], fmt.Sprintf("spec.rules[%d]", i), i == len(s.Rules)-1)
	}
}

func (v *validator) samplingRule(r *TraceSamplingRule, at string, last bool) { //nolint:revive // where it stands
	if r.Percentage == nil {
		v.fault(at+".percentage", "is missing; want the share of traces, 0 to 100")
	}
	if r.Host != "" {
		v.samplingHost(r.Host, at+".host")
	}
	if r.PathPrefix != "" && !strings.HasPrefix(r.PathPrefix, "/") {
		v.fault(at+".pathPrefix", "%q fits no path; want it to begin with /", r.PathPrefix)
	}
	if r.Method != "" && !token(r.Method) {
		v.fault(at+".method", "%q is not a method; want one such as GET", r.Method)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		v.headerName(name, fmt.Sprintf("%s.headers[%q]", at, name))
	}
	if everything := r.Host+r.PathPrefix+r.Method == "" && len(r.Headers) == 0; everything && !last {
		v.warn(at, "fits every request, so the rules after it never do")
	}
}

// samplingHost refuses what no host of a request is equal to, once its port is cut off.
func (v *validator) samplingHost(host, at string) {
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return
	}
	if name, port, err := net.SplitHostPort(host); err == nil {
		v.fault(at, "%q fits no host, as it has the port %s; want %q, which fits at any port", host, port, name)
	} else if !hostName.MatchString(host) {
		v.fault(at, "%q fits no host; want one whole host as callers write it, without wildcards, such as reviews", host)
	}
}

// hostName also takes names that DNS does not have, such as those with an underscore.
var hostName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
