package wire

import (
	"fmt"
	"math"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func fromPort(p mesh.Port) *Port {
	return &Port{Number: uint32(p.Number), Name: p.Name, Protocol: string(p.Protocol)}
}

func fromServicePort(p mesh.ServicePort) *ServicePort {
	return &ServicePort{Port: fromPort(p.Port), Group: uint32(p.Group)}
}

func fromPortPolicy(p mesh.PortPolicy) *PortPolicy {
	return &PortPolicy{Port: uint32(p.Port), Policy: fromPolicy(p.Policy)}
}

// toPorts are an app's ports, of which each has its own number, or else its own name: a
// host outside may be asked for at two ports that are one there.
func toPorts(in []*Port) ([]mesh.Port, error) {
	if len(in) > mesh.MaxPorts {
		return nil, fmt.Errorf("ports: there are %d; at most %d are taken", len(in), mesh.MaxPorts)
	}
	seen := map[uint32]string{}
	for n, p := range in {
		name, twice := seen[p.GetNumber()]
		if twice = twice && (name == "" || p.GetName() == "" || name == p.GetName()); twice || p.GetNumber() == 0 || p.GetNumber() > math.MaxUint16 {
			return nil, fmt.Errorf("ports[%d]: %d is not a port, or is there twice", n, p.GetNumber())
		}
		if p.GetName() != "" && !mesh.IsLabel(p.GetName()) {
			return nil, fmt.Errorf("ports[%d]: name %q is not a DNS label", n, p.GetName())
		}
		seen[p.GetNumber()] = p.GetName()
	}
	return each(in, toPort), nil
}

func toPort(p *Port) mesh.Port {
	return mesh.Port{Number: uint16(p.GetNumber()), Name: p.GetName(), Protocol: toAppProtocol(p.GetProtocol())}
}

func toServicePort(p *ServicePort) mesh.ServicePort {
	return mesh.ServicePort{Port: toPort(p.GetPort()), Group: uint16(p.GetGroup())}
}

func toPortPolicy(p *PortPolicy) mesh.PortPolicy {
	return mesh.PortPolicy{Port: uint16(p.GetPort()), Policy: toPolicy(p.GetPolicy())}
}
