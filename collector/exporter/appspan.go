package exporter

import (
	"math"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// peerKeys are the attributes that may name a client span's callee, the most telling
// first.
var peerKeys = []string{
	"peer.service", "service.peer.name", "server.address", "net.peer.name", "http.host",
	"network.peer.address", "net.sock.peer.addr", "messaging.destination.name", "db.system.name", "db.system",
}

// appPeer is whom an application's own client span called, empty where there is
// nobody to draw an edge to. A call to the own machine most likely went to the own
// sidecar, which reports it better.
func appPeer(row *clickhouse.SpanRow, attrs pcommon.Map) string {
	if row.Mesh || (row.Kind != kindClient && row.Kind != "producer") {
		return ""
	}
	for _, key := range peerKeys {
		name := peerName(attributeText(attrs, key))
		if name == "" {
			continue
		}
		if name == "localhost" || isLoopback(name) {
			return ""
		}
		if attributeText(attrs, signal.KeyEdge) == signal.Overflow {
			return signal.Overflow
		}
		return name
	}
	return ""
}

// peerName brings a host into the spelling of the graph: without a port, and a
// service of the cluster by its mesh name.
func peerName(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if strings.HasSuffix(host, ".svc") || strings.Contains(host, ".svc.") {
		if name, err := mesh.ResolveHost(host, ""); err == nil {
			return string(name)
		}
	}
	return host
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && (addr.IsLoopback() || addr.IsUnspecified())
}

// addAppSpan counts one client span as one request to peer, or as all that it stands for.
func (b *redBatch) addAppSpan(row *clickhouse.SpanRow, peer string) {
	end := pcommon.NewTimestampFromTime(row.Start.Add(row.Duration))
	k := clickhouse.REDKey{
		Time: second(end), Reporter: signal.AppSpan,
		Source: row.Service, SourceVersion: row.Version, Destination: peer,
		Method: row.Method, Status: row.Hop.Status, GRPCStatus: row.GRPCStatus, Protocol: appProtocol(row),
	}
	if peer == signal.Overflow { // whatever tells it from other calls would make a row
		k.SourceVersion, k.Method, k.Protocol = signal.Overflow, signal.Overflow, signal.Overflow
		k.Status, k.GRPCStatus = 0, -1
	}
	r := b.row(k)
	ms := float64(row.Duration) / float64(time.Millisecond)
	n := requests(row)
	r.Requests += n
	if row.Failed {
		r.Failed += n
	}
	r.DurationSum += ms * float64(n)
	r.Buckets[signal.BucketOf(ms)] += n
}

// requests is a span's weight as a whole number, rounded up or down by its id: so that many
// add up to their weights, and a batch that is made again is the same.
func requests(row *clickhouse.SpanRow) uint64 {
	whole, rest := math.Modf(max(float64(row.Weight), 1))
	if rest > 0 && float64(xxhash.Sum64(row.SpanID[:])>>32) < rest*(1<<32) {
		whole++
	}
	return uint64(whole)
}

// appProtocol is what an application's span says about how it spoke.
func appProtocol(row *clickhouse.SpanRow) string {
	if row.Protocol != "" {
		return row.Protocol
	}
	said := map[string]string{}
	for _, p := range row.Strings {
		said[p.Key] = p.Value
	}
	for _, key := range []string{"rpc.system.name", "rpc.system", "db.system.name", "db.system", "messaging.system"} {
		if v := said[key]; v != "" {
			return v
		}
	}
	if row.Method != "" {
		return "http"
	}
	return ""
}
