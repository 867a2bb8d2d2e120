package proxy

import (
	"cmp"
	"fmt"
	"net"
	"strconv"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/serve"
)

// badPorts are faults of the app's ports.
func (c Config) badPorts() (bad []error) {
	if len(c.Ports) > mesh.MaxPorts {
		bad = append(bad, fmt.Errorf("port: there are %d; at most %d are taken", len(c.Ports), mesh.MaxPorts))
	}
	numbers, names := map[uint16]bool{}, map[string]bool{}
	for _, p := range c.Ports {
		switch {
		case p.Number == 0:
			bad = append(bad, fmt.Errorf("port: %d is not a port", p.Number))
		case numbers[p.Number]:
			bad = append(bad, fmt.Errorf("port: %d is there twice", p.Number))
		case p.Name != "" && !mesh.IsLabel(p.Name):
			bad = append(bad, fmt.Errorf("port: %q is not a DNS label (lower-case letters, digits, hyphens)", p.Name))
		case p.Name != "" && names[p.Name]:
			bad = append(bad, fmt.Errorf("port: the name %q is there twice", p.Name))
		}
		if _, err := mesh.ParseAppProtocol(string(p.Protocol)); err != nil {
			bad = append(bad, fmt.Errorf("port %d: %w", p.Number, err))
		}
		numbers[p.Number], names[p.Name] = true, true
	}
	return bad
}

// appPorts are the app's ports with what is known to be spoken there.
func (c Config) appPorts() []mesh.Port {
	var out []mesh.Port
	for i, p := range c.Ports {
		if i == 0 {
			p.Protocol = cmp.Or(p.Protocol, c.AppProtocol)
		}
		p.Protocol = cmp.Or(p.Protocol, mesh.ProtocolOf(p.Name))
		out = append(out, p)
	}
	return out
}

// announced is what the mesh is told of the app's ports. An only one without a name is
// told as it always was.
func (c Config) announced(i mesh.Instance) mesh.Instance {
	ports := c.appPorts()
	if len(ports) == 0 {
		return i
	}
	i.AppPort, i.AppProtocol = ports[0].Number, ports[0].Protocol
	if len(ports) > 1 || ports[0].Name != "" {
		i.Ports = ports
	}
	return i
}

// apps are where requests for the app go.
func (c Config) apps() []serve.App {
	var out []serve.App
	for _, p := range c.appPorts() {
		out = append(out, serve.App{Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(int(p.Number))), Protocol: p.Protocol})
	}
	return out
}
