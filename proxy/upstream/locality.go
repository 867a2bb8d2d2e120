package upstream

import (
	"maps"
	"slices"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// band is some of a group's instances that are as good as each other by where they run.
type band struct {
	name    string  // what they have in common, for people
	weight  float64 // of the requests; 0 where the bands follow one another by distance
	members []*Instance
}

// bands divides instances by where they run, nearest first. It is one band where that
// does not matter: the sidecar does not know its own place, or a policy turned it off,
// or, as in Istio, nothing says when the near ones are too unwell to be preferred.
func (s *Set) bands(p *mesh.Policy, all []*Instance) []band {
	l := p.Locality
	if l == nil {
		l = &mesh.LocalityLB{}
	}
	switch {
	case l.Off || s.deps.Locality == "" && len(l.FailoverPriority) == 0:
	case len(l.Distribute) > 0:
		for _, d := range l.Distribute {
			if s.deps.Locality.Within(d.From) {
				return distributed(d.To, all)
			}
		}
	case p.Outlier == nil && p.HealthCheck == nil:
	case len(l.FailoverPriority) > 0:
		return byDistance(all, func(i *Instance) (int, string) { return s.labelDistance(l.FailoverPriority, i) })
	default:
		return byDistance(all, func(i *Instance) (int, string) { return s.distance(l.Failover, i) })
	}
	return []band{{members: all}}
}

// distributed puts each instance to the narrowest place that names it. One that is in
// none gets nothing.
func distributed(to map[string]uint32, all []*Instance) []band {
	places := slices.SortedFunc(maps.Keys(to), func(a, b string) int {
		if d := strings.Count(narrow(b), "/") - strings.Count(narrow(a), "/"); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	var out []band
	taken := make(map[*Instance]bool, len(all))
	for _, place := range places {
		b := band{name: place, weight: float64(to[place])}
		for _, i := range all {
			if !taken[i] && i.terms.Load().locality.Within(place) {
				taken[i] = true
				b.members = append(b.members, i)
			}
		}
		out = append(out, b)
	}
	return out
}

// narrow is a place without its "*", which does not make it narrower.
func narrow(place string) string {
	if place == "*" {
		return ""
	}
	return "/" + strings.TrimSuffix(place, "/*")
}

// byDistance makes a band for each distance that there is.
func byDistance(all []*Instance, distance func(*Instance) (int, string)) []band {
	found := map[int]*band{}
	for _, i := range all {
		d, name := distance(i)
		if found[d] == nil {
			found[d] = &band{name: name}
		}
		found[d].members = append(found[d].members, i)
	}
	out := make([]band, 0, len(found))
	for _, d := range slices.Sorted(maps.Keys(found)) {
		out = append(out, *found[d])
	}
	return out
}

// distance is how far an instance is: in the same subzone, zone, region, in the region
// that this one fails over to, in any other.
func (s *Set) distance(failover map[string]string, i *Instance) (int, string) {
	here, there := s.deps.Locality, i.terms.Load().locality
	switch {
	case here.Region() != there.Region():
		if to := failover[here.Region()]; to != "" && to != there.Region() {
			return 4, "other regions"
		}
		return 3, "other regions by failover"
	case here.Zone() != there.Zone():
		return 2, "same region"
	case here.Subzone() != there.Subzone():
		return 1, "same zone"
	}
	return 0, "same subzone"
}

// labelDistance is how many of the labels, from the last on, an instance does not have:
// one counts only if those before it do.
func (s *Set) labelDistance(labels []string, i *Instance) (int, string) {
	t := i.terms.Load()
	for n, label := range labels {
		key, want, given := strings.Cut(label, "=")
		if !given {
			want = labelOf(key, s.deps.Labels, s.deps.Locality)
		}
		if labelOf(key, t.labels, t.locality) != want {
			return len(labels) - n, "without " + label
		}
	}
	return 0, "all labels"
}

// labelOf is a label's value; those that stand for a locality come from it.
func labelOf(key string, labels map[string]string, l mesh.Locality) string {
	switch key {
	case "topology.kubernetes.io/region":
		return l.Region()
	case "topology.kubernetes.io/zone":
		return l.Zone()
	case "topology.istio.io/subzone":
		return l.Subzone()
	}
	return labels[key]
}

// overprovisioned is by how much a band is presumed to be larger than it need be: so
// much of it may be unwell before others get a part of its requests. Envoy's 140 %.
const overprovisioned = 1.4

// spread gives each band its part of the requests: as many as it has a weight for, or
// all to the nearest, less what is too much for those that are well. The parts sum to
// 1, unless nobody is well anywhere.
func spread(bands []bandHealth) []float64 {
	out := make([]float64, len(bands))
	var sum float64
	for n, b := range bands {
		if b.total > 0 {
			out[n] = min(1, overprovisioned*float64(b.able)/float64(b.total))
		}
		if b.weight > 0 {
			out[n] *= b.weight
		}
		sum += out[n]
	}
	switch {
	case sum == 0:
		return out
	case bands[0].weight == 0:
		left := 1.0
		for n := range out {
			if sum < 1 { // not enough anywhere: each gets what it can take, in proportion
				out[n] /= sum
			}
			out[n] = min(out[n], left)
			left -= out[n]
		}
		return out
	}
	for n := range out {
		out[n] /= sum
	}
	return out
}

type bandHealth struct {
	weight      float64
	able, total int
}
