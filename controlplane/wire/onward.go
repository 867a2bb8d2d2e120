package wire

import "github.com/sightline-mesh/sightline/controlplane/mesh"

func fromOnward(o mesh.Onward) *Onward {
	return &Onward{
		Entry: o.Entry,
		Hosts: each(o.Hosts, func(h mesh.OnwardHost) *OnwardHost { return &OnwardHost{Host: h.Host, Name: h.Name} }),
		Ports: each(o.Ports, func(p mesh.OnwardPort) *OnwardPort { return &OnwardPort{Number: uint32(p.Number), Tls: p.TLS} }),
	}
}

func toOnward(o *Onward) mesh.Onward {
	return mesh.Onward{
		Entry: o.GetEntry(),
		Hosts: each(o.GetHosts(), func(h *OnwardHost) mesh.OnwardHost { return mesh.OnwardHost{Host: h.GetHost(), Name: h.GetName()} }),
		Ports: each(o.GetPorts(), func(p *OnwardPort) mesh.OnwardPort {
			return mesh.OnwardPort{Number: uint16(p.GetNumber()), TLS: p.GetTls()}
		}),
	}
}
