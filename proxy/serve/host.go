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
	known map[string]mesh.ServiceName
}

// service is the service that a host, with or without a port, names.
func (h *hosts) service(host string) (mesh.ServiceName, error) {
	h.mu.RLock()
	s, ok := h.known[host]
	h.mu.RUnlock()
	if ok {
		return s, nil
	}
	host = strings.Clone(host)
	s, err := mesh.ResolveHost(host, h.namespace)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errBadHostName, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil || len(h.known) >= maxHosts {
		h.known = make(map[string]mesh.ServiceName)
	}
	h.known[host] = s
	return s, nil
}
