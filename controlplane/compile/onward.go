package compile

import "github.com/sightline-mesh/sightline/controlplane/mesh"

// onwardFor is where connections of an instance's app may go on to, of what it sees.
func (ps Policies) onwardFor(i mesh.Instance) (out []mesh.Onward) {
	if len(ps.onward) == 0 {
		return nil
	}
	sees := ps.Egress(i)
	for _, o := range ps.onward {
		if one, any := o.Onward(sees); any {
			out = append(out, one)
		}
	}
	return out
}
