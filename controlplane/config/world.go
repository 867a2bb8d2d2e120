package config

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// World is what is known to run, as far as validation looks at it.
type World struct {
	// Services holds the labels of each instance by service. A service that is
	// registered but has no instance now has an empty entry.
	Services map[mesh.ServiceName][]map[string]string
	// Unknown says that nothing is known of what runs, so that nothing is said of it.
	Unknown bool
	// Files says that it is what files say will run, and Unseen which of their services
	// have instances that no file tells of.
	Files  bool
	Unseen map[mesh.ServiceName]bool
	// Ports are those that an instance of the service has, each number once, in order.
	Ports map[mesh.ServiceName][]mesh.Port

	several  map[mesh.ServiceName]bool          // that have an instance with more than one port
	sidecars map[mesh.ServiceName]bool          // that have one with a sidecar
	apps     map[mesh.ServiceName][][]mesh.Port // of each instance, as Services; none where that is not known
	callers  callers
}

// NewWorld is the world in which these instances run. A service in known counts
// as registered even when it has none.
func NewWorld(instances []mesh.Instance, known ...mesh.ServiceName) World {
	w := World{
		Services: make(map[mesh.ServiceName][]map[string]string),
		Ports:    make(map[mesh.ServiceName][]mesh.Port), several: make(map[mesh.ServiceName]bool),
		apps: make(map[mesh.ServiceName][][]mesh.Port), sidecars: make(map[mesh.ServiceName]bool),
		callers: newCallers(),
	}
	for _, s := range known {
		w.Services[s] = nil
	}
	for _, i := range instances {
		w.Services[i.Service] = append(w.Services[i.Service], i.Labels)
		ports := i.AppPorts()
		w.Ports[i.Service] = append(w.Ports[i.Service], ports...)
		w.sidecars[i.Service] = w.sidecars[i.Service] || !i.Bare()
		w.several[i.Service] = w.several[i.Service] || len(ports) > 1
		w.apps[i.Service] = append(w.apps[i.Service], ports)
		w.callers.add(i.Identity)
	}
	for s, ports := range w.Ports {
		w.Ports[s] = sortedPorts(ports)
	}
	return w
}

// callees are the labels and ports of a service's instances; while none runs, one that
// has these labels.
func (w World) callees(s mesh.ServiceName, labels map[string]string) iter.Seq2[map[string]string, []mesh.Port] {
	return func(yield func(map[string]string, []mesh.Port) bool) {
		if len(w.Services[s]) == 0 {
			yield(labels, nil)
			return
		}
		apps := w.apps[s]
		for n, labels := range w.Services[s] {
			var ports []mesh.Port
			if n < len(apps) {
				ports = apps[n]
			}
			if !yield(labels, ports) {
				return
			}
		}
	}
}

// absent says that there is no such service.
func (w World) absent(s mesh.ServiceName, more string) string {
	if w.Files {
		return fmt.Sprintf("the files have no service %q%s", s, more)
	}
	return fmt.Sprintf("no service %q has joined yet%s", s, more)
}

// sortedPorts are in the order of their numbers, each once.
func sortedPorts(all []mesh.Port) []mesh.Port {
	slices.SortStableFunc(all, func(a, b mesh.Port) int { return cmp.Compare(a.Number, b.Number) })
	return slices.CompactFunc(all, func(a, b mesh.Port) bool { return a.Number == b.Number })
}

// selected counts the instances of s that carry all of the labels.
func (w World) selected(s mesh.ServiceName, labels map[string]string) int {
	n := 0
	if w.Unseen[s] {
		n++
	}
	for _, have := range w.Services[s] {
		if carries(have, labels) {
			n++
		}
	}
	return n
}

func carries(have, want map[string]string) bool {
	for k, v := range want {
		if got, ok := have[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// versions are the values of the instances' version labels, sorted.
func (w World) versions(s mesh.ServiceName) []string {
	var out []string
	for _, labels := range w.Services[s] {
		if v := labels["version"]; v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out
}
