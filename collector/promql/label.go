package promql

import (
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// unknown is Istio's word for a workload that told nothing of itself.
const unknown = "unknown"

// istioLabels writes the labels of Istio's standard metrics, and two more that only
// this mesh has: route and method.
func istioLabels(b *labels.ScratchBuilder, k *key) {
	tcpLabels(b, k)
	b.Add("response_code", strconv.Itoa(int(k.status)))
	if k.grpcStatus >= 0 {
		b.Add("grpc_response_status", strconv.Itoa(int(k.grpcStatus)))
	}
	add(b, "route", k.route)
	add(b, "method", k.method)
}

// tcpLabels writes the labels of Istio's metrics of TCP; those of requests begin alike.
func tcpLabels(b *labels.ScratchBuilder, k *key) {
	b.Add("reporter", k.reporter)
	workloadLabels(b, "source", k.source, k.sourceVersion)
	workloadLabels(b, "destination", k.destination, k.destinationVersion)
	name, namespace := split(k.destination)
	if k.destination != "" {
		b.Add("destination_service", name+"."+namespace+".svc.cluster.local")
		b.Add("destination_service_name", name)
		b.Add("destination_service_namespace", namespace)
	}
	b.Add("request_protocol", protocol(k.protocol))
	b.Add("response_flags", orDash(k.flags))
	b.Add("connection_security_policy", k.security())
}

// workloadLabels names one end of a hop. A workload is called as a Deployment of
// Bookinfo is: by service and version.
func workloadLabels(b *labels.ScratchBuilder, end, service, version string) {
	if service == "" {
		b.Add(end+"_workload", unknown)
		b.Add(end+"_canonical_service", unknown)
		return
	}
	name, namespace := split(service)
	workload := name
	if version != "" {
		workload += "-" + version
	}
	b.Add(end+"_workload", workload)
	b.Add(end+"_workload_namespace", namespace)
	b.Add(end+"_app", name)
	b.Add(end+"_canonical_service", name)
	revision := version
	if revision == "" {
		revision = "latest"
	}
	b.Add(end+"_canonical_revision", revision)
	add(b, end+"_version", version)
}

// user is Tempo's word for a client that told nothing of itself.
const user = "user"

// graphLabels writes the labels of Tempo's service graph.
func graphLabels(b *labels.ScratchBuilder, k *key) {
	if k.source == "" {
		b.Add("client", user)
		b.Add("connection_type", "virtual_node")
	} else {
		b.Add("client", k.source)
	}
	add(b, "server", k.destination)
}

// spanLabels writes the labels of Tempo's span metrics. A span is called as sidecars call
// theirs; of gRPC, whose spans have the name of the call, rows know the service alone.
func spanLabels(b *labels.ScratchBuilder, k *key) {
	service, kind := k.destination, "SPAN_KIND_SERVER"
	if k.reporter == signal.Source {
		service, kind = k.source, "SPAN_KIND_CLIENT"
	}
	status := "STATUS_CODE_UNSET"
	if signal.FailedHop(k.protocol, int(k.status), int(k.grpcStatus), k.flags) {
		status = "STATUS_CODE_ERROR"
	}
	add(b, "service", service)
	add(b, "span_name", strings.TrimSpace(k.method+" "+k.destination))
	b.Add("span_kind", kind)
	b.Add("status_code", status)
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

// add leaves an empty label out: to Prometheus the two are the same.
func add(b *labels.ScratchBuilder, name, value string) {
	if value != "" {
		b.Add(name, value)
	}
}
