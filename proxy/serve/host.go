package serve

import (
	"fmt"
	"strings"
	"sync"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// maxHosts bounds what is remembered: hosts are what clients send.
const maxHosts = 4096

// hosts remembers which service a host names, so that working it out is done once.
type hosts struct {
	namespace string

	mu    sync.RWMutex
	known map[string]named
}

// named is what a host names: a service, and a port if it has one.
type named struct {
	service mesh.ServiceName
	port    uint16
}

// service is what a host, with or without a port, names.
func (h *hosts) service(host string) (named, error) {
	h.mu.RLock()
	to, ok := h.known[host]
	h.mu.RUnlock()
	if ok {
		return to, nil
	}
	host = strings.Clone(host)
	s, err := mesh.ResolveHost(host, h.namespace)
	if err != nil {
		return named{}, fmt.Errorf("%w: %w", errBadHostName, err)
	}
	to = named{service: s, port: mesh.PortOf(host)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil || len(h.known) >= maxHosts {
		h.known = make(map[string]named)
	}
	h.known[host] = to
	return to, nil
}
