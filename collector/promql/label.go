package promql

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// unknown is Istio's word for a workload that told nothing of itself.
const unknown = "unknown"

// label is one that the series of a metric may have.
type label struct {
	name  string
	from  []string          // the columns of a key that its value is made of
	value func(*key) string // "" is without: to Prometheus the two are the same
}

// istioLabels are the labels of Istio's standard metrics, and two more that only this mesh
// has: route and method.
func istioLabels() []label {
	return append(
		tcpLabels(),
		label{"response_code", []string{"status"}, func(k *key) string { return strconv.Itoa(int(k.status)) }},
		label{"grpc_response_status", []string{"grpc_status"}, func(k *key) string {
			if k.grpcStatus < 0 {
				return ""
			}
			return strconv.Itoa(int(k.grpcStatus))
		}},
		label{"route", []string{"route"}, func(k *key) string { return k.route }},
		label{"method", []string{"method"}, func(k *key) string { return k.method }},
	)
}

// tcpLabels are the labels of Istio's metrics of TCP; those of requests have them too.
func tcpLabels() []label {
	called := func(f func(name, namespace string) string) func(*key) string {
		return func(k *key) string {
			if k.destination == "" {
				return ""
			}
			return f(split(k.destination))
		}
	}
	destination := []string{"destination"}
	return slices.Concat(
		[]label{{"reporter", []string{"reporter"}, func(k *key) string { return k.reporter }}},
		workloadLabels("source", func(k *key) workload { return workload{k.source, k.sourceVersion} }),
		workloadLabels("destination", func(k *key) workload { return workload{k.destination, k.destinationVersion} }),
		[]label{
			{"destination_service", destination, called(func(name, namespace string) string { return name + "." + namespace + ".svc.cluster.local" })},
			{"destination_service_name", destination, called(func(name, _ string) string { return name })},
			{"destination_service_namespace", destination, called(func(_, namespace string) string { return namespace })},
			{"request_protocol", []string{"protocol"}, func(k *key) string { return protocol(k.protocol) }},
			{"response_flags", []string{"flags"}, func(k *key) string { return orDash(k.flags) }},
			{"connection_security_policy", []string{"mtls"}, (*key).security},
		},
	)
}

// workload is one end of a hop. It is called as a Deployment of Bookinfo is: by service and
// version.
type workload struct{ service, version string }

// workloadLabels name one end of a hop. One that told nothing of itself has two labels.
func workloadLabels(end string, of func(*key) workload) []label {
	known := func(otherwise string, f func(w workload, name, namespace string) string) func(*key) string {
		return func(k *key) string {
			w := of(k)
			if w.service == "" {
				return otherwise
			}
			name, namespace := split(w.service)
			return f(w, name, namespace)
		}
	}
	name := func(_ workload, name, _ string) string { return name }
	service, both := []string{end}, []string{end, end + "_version"}
	return []label{
		{end + "_workload", both, known(unknown, func(w workload, name, _ string) string {
			if w.version == "" {
				return name
			}
			return name + "-" + w.version
		})},
		{end + "_workload_namespace", service, known("", func(_ workload, _, namespace string) string { return namespace })},
		{end + "_app", service, known("", name)},
		{end + "_canonical_service", service, known(unknown, name)},
		{end + "_canonical_revision", both, known("", func(w workload, _, _ string) string { return cmp.Or(w.version, "latest") })},
		{end + "_version", both, known("", func(w workload, _, _ string) string { return w.version })},
	}
}

// user is Tempo's word for a client that told nothing of itself.
const user = "user"

// graphLabels are the labels of Tempo's service graph.
func graphLabels() []label {
	source := []string{"source"}
	return []label{
		{"client", source, func(k *key) string { return cmp.Or(k.source, user) }},
		{"connection_type", source, func(k *key) string {
			if k.source == "" {
				return "virtual_node"
			}
			return ""
		}},
		{"server", []string{"destination"}, func(k *key) string { return k.destination }},
	}
}

// spanLabels are the labels of Tempo's span metrics. A span is called as sidecars call
// theirs; of gRPC, whose spans have the name of the call, rows know the service alone.
func spanLabels() []label {
	return []label{
		{"service", []string{"reporter", "source", "destination"}, func(k *key) string {
			if k.reporter == signal.Source {
				return k.source
			}
			return k.destination
		}},
		{"span_name", []string{"method", "destination"}, func(k *key) string { return strings.TrimSpace(k.method + " " + k.destination) }},
		{"span_kind", []string{"reporter"}, func(k *key) string {
			if k.reporter == signal.Source {
				return "SPAN_KIND_CLIENT"
			}
			return "SPAN_KIND_SERVER"
		}},
		{"status_code", []string{"protocol", "status", "grpc_status", "flags"}, func(k *key) string {
			if signal.FailedHop(k.protocol, int(k.status), int(k.grpcStatus), k.flags) {
				return "STATUS_CODE_ERROR"
			}
			return "STATUS_CODE_UNSET"
		}},
	}
}

func split(service string) (name, namespace string) {
	s := mesh.ServiceName(service)
	return s.Name(), s.Namespace()
}

// protocol is Istio's word for ours.
func protocol(p string) string {
	if strings.HasPrefix(p, "http") || p == "h2" {
		return "http"
	}
	return p
}

// security is Istio's word for what protected the connection.
func (k *key) security() string {
	if k.mtls {
		return "mutual_tls"
	}
	return "none"
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
