package analyze

import (
	"cmp"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Analyze looks at all resources together, as they would be after a change, and at the
// world they would act on. Findings come in the order of the resources' keys. It changes
// nothing it is given.
func Analyze(all []config.Object, w config.World) []mesh.Finding {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b config.Object) int { return cmp.Compare(a.Key(), b.Key()) })
	a := analyzer{all: sorted}
	for i := range sorted {
		a.object = &sorted[i]
		switch {
		case a.object.VirtualService != nil:
			a.virtualService()
		case a.object.DestinationRule != nil:
			a.unusedSubsets()
		case a.object.AuthorizationPolicy != nil:
			a.authorizationPolicy()
		}
	}
	findings := append(config.Validate(all, w), config.Locate(a.findings, all)...)
	slices.SortStableFunc(findings, func(x, y mesh.Finding) int { return cmp.Compare(x.Resource, y.Resource) })
	return findings
}

// analyzer holds the resources against each other.
type analyzer struct {
	all      []config.Object
	object   *config.Object // the one being looked at
	findings []mesh.Finding
}

func (a *analyzer) find(code config.Code, path, format string, args ...any) {
	a.findings = append(a.findings, code.On(a.object.Key(), path, format, args...))
}
