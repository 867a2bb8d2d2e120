package route

import (
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/hedge"
)

// Hedge says when a request gets a second try beside its first.
type Hedge struct {
	hedge.Config

	grpc []string
}

// Allows reports whether a call of gRPC may be sent twice, by its path
// "/package.Service/Method".
func (h *Hedge) Allows(path string) bool {
	for _, pattern := range h.grpc {
		prefix, any := strings.CutSuffix(pattern, "*")
		if len(path) > 0 && (path[1:] == pattern || any && strings.HasPrefix(path[1:], prefix)) {
			return true
		}
	}
	return false
}

func (c *compiler) hedge(s *mesh.Snapshot) *Hedge {
	if s.Hedge == nil {
		return nil
	}
	h := &Hedge{
		Config: hedge.Config{After: s.Hedge.After, Percentile: s.Hedge.Percentile, Least: s.Hedge.Min, Most: s.Hedge.Max},
		grpc:   s.Hedge.GRPC,
	}
	if err := h.Validate(); err != nil {
		c.fault("service %s: hedge: %w", s.Service, err)
	}
	return h
}
