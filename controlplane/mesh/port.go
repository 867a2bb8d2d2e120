package mesh

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MaxPorts is how many ports one app may have.
const MaxPorts = 32

// Port is one that an app listens on.
type Port struct {
	Number   uint16      `json:"number"`
	Name     string      `json:"name,omitempty"`     // a DNS label, "grpc-api"; may be empty
	Protocol AppProtocol `json:"protocol,omitempty"` // empty is not said
}

// String is the port as people read it: "9090 (grpc-api)".
func (p Port) String() string {
	if p.Name == "" {
		return strconv.Itoa(int(p.Number))
	}
	return fmt.Sprintf("%d (%s)", p.Number, p.Name)
}

// ServicePort is one number by which the instances of a service are asked for. Numbers of
// one group are the same port of the service, which not every instance has to have under
// the same number: it goes by its name, as the target port of a Kubernetes Service does.
type ServicePort struct {
	Port
	// Group tells the service's ports apart: 0 is the one that every instance names
	// first, any other the lowest of its numbers.
	Group uint16 `json:"group"`
}

// AppPorts are all ports of the instance's app, the first of which is AppPort; none where
// it only calls others, or is not said.
func (i *Instance) AppPorts() []Port {
	if len(i.Ports) > 0 || i.AppPort == 0 {
		return i.Ports
	}
	return []Port{{Number: i.AppPort, Protocol: i.AppProtocol}}
}

// Group is the port of the service that goes by a number. Where the service has one port
// alone, that is the one, whatever the number.
func (s *Snapshot) Group(number uint16) (group uint16, ok bool) {
	if len(s.Ports) == 0 || number == 0 {
		return 0, true
	}
	for i := range s.Ports {
		if s.Ports[i].Number == number {
			return s.Ports[i].Group, true
		}
	}
	return 0, false
}

// isPort reports whether a number is of a group; where the service has one port alone,
// whether an instance has it under that number.
func (s *Snapshot) isPort(number, group uint16) bool {
	if len(s.Ports) > 0 {
		g, ok := s.Group(number)
		return ok && g == group
	}
	return group == 0 && slices.ContainsFunc(s.Instances, func(i Instance) bool { return i.AppPort == number })
}

// PortAt is the port of an instance's app that belongs to a group, if it has one.
func (s *Snapshot) PortAt(i *Instance, group uint16) (Port, bool) {
	all := i.AppPorts()
	if group == 0 {
		if len(all) == 0 {
			return Port{}, true // it is what its sidecar takes for the app
		}
		return all[0], true
	}
	name := s.groupName(group)
	for _, p := range all {
		if name != "" && p.Name == name {
			return p, true
		}
	}
	for _, p := range all {
		if g, ok := s.Group(p.Number); ok && g == group && (name == "" || p.Name == "") {
			return p, true
		}
	}
	return Port{}, false
}

func (s *Snapshot) groupName(group uint16) string {
	for i := range s.Ports {
		if p := &s.Ports[i]; p.Group == group && p.Name != "" {
			return p.Name
		}
	}
	return ""
}

// Groups are the service's ports beside the one that every instance names first, in order.
func (s *Snapshot) Groups() []uint16 {
	var out []uint16
	for i := range s.Ports {
		if g := s.Ports[i].Group; g != 0 && !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	return out
}

// Alike is the port of s that goes by the name of another service's, or else by its
// number: where a request goes on that was made to that one. It is 0 where s has none.
func (s *Snapshot) Alike(other *Snapshot, group uint16) uint16 {
	if s == other || group == 0 {
		return group
	}
	name := other.groupName(group)
	for i := range s.Ports {
		if name != "" && s.Ports[i].Name == name {
			return s.Ports[i].Group
		}
	}
	g, _ := s.Group(group)
	return g
}

// prefixes are what the name of a port may begin with, up to a hyphen, to tell what is
// spoken there, after Istio.
var prefixes = map[string]AppProtocol{
	"http": HTTP, "http2": HTTP2, "grpc": GRPC, "tcp": TCP, "tls": TLS, "https": TLS,
	"mongo": TCP, "mysql": TCP, "redis": TCP,
}

// ProtocolOf is what the name of a port says that is spoken there; empty if nothing.
// gRPC-Web is plain HTTP.
func ProtocolOf(name string) AppProtocol {
	if name == "grpc-web" || strings.HasPrefix(name, "grpc-web-") {
		return HTTP
	}
	prefix, _, _ := strings.Cut(name, "-")
	return prefixes[prefix]
}
