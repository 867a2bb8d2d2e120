package mesh

import (
	"fmt"
	"strings"
)

// Locality is where an instance runs, from the wide to the narrow: "eu-west/a/rack-7".
// The narrow parts may be missing; the empty one is not known.
type Locality string

// ParseLocality reads region/zone/subzone, of which the last ones may be missing.
func ParseLocality(s string) (Locality, error) {
	parts := strings.Split(s, "/")
	if len(parts) > 3 {
		return "", fmt.Errorf("%q has %d parts; want region/zone/subzone", s, len(parts))
	}
	for _, p := range parts {
		if p == "" || strings.ContainsAny(p, "* \t\r\n") {
			return "", fmt.Errorf("%q: want region/zone/subzone, each a name, the last ones optional", s)
		}
	}
	return Locality(s), nil
}

// Region is the widest part.
func (l Locality) Region() string { return l.part(0) }

// Zone is the part within the region.
func (l Locality) Zone() string { return l.part(1) }

// Subzone is the part within the zone.
func (l Locality) Subzone() string { return l.part(2) }

// Within reports whether l lies in a place such as "eu-west/a", "eu-west/*" or "*".
func (l Locality) Within(place string) bool {
	have := strings.Split(string(l), "/")
	for i, want := range strings.Split(place, "/") {
		if want == "*" {
			return true
		}
		if i >= len(have) || have[i] != want {
			return false
		}
	}
	return true
}

func (l Locality) part(n int) string {
	parts := strings.SplitN(string(l), "/", 4)
	if n < len(parts) {
		return parts[n]
	}
	return ""
}
