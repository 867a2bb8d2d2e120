package clickhouse

import "github.com/sightline-mesh/sightline/collector/signal"

// attributeMaps are a row's attributes as they are read back.
type attributeMaps struct {
	strings, resource map[string]string
	numbers           map[string]float64
	bools             map[string]bool
}

// merge joins them into one map; an attribute of the row outranks its resource's.
func (a attributeMaps) merge() map[string]any {
	all := make(map[string]any, len(a.strings)+len(a.resource)+len(a.numbers)+len(a.bools))
	typed(a.resource, nil, all)
	typed(a.strings, a.numbers, all)
	for k, v := range a.bools {
		all[k] = v
	}
	return all
}

// number gives whole numbers back as the integers they most likely were.
func number(v float64) any {
	const exact = 1 << 53
	if i := int64(v); v >= -exact && v <= exact && float64(i) == v {
		return i
	}
	return v
}

func anyMap(m map[string]string) map[string]any {
	if len(m) == 0 {
		return nil
	}
	all := make(map[string]any, len(m))
	typed(m, nil, all)
	return all
}

// restore puts what has columns of its own back under its attribute keys, but for
// KeyMTLS: only the caller knows whether it was ever said.
func (h Hop) restore(into map[string]any) {
	for k, v := range map[string]string{
		signal.KeyPeer: h.Peer, signal.KeyPeerVer: h.PeerVersion, signal.KeyPeerInst: h.PeerInstance,
		signal.KeyPeerID: h.PeerIdentity, signal.KeyRoute: h.Route, signal.KeyMethod: h.Method, signal.KeyPath: h.Path,
		signal.KeyFlags: h.Flags, signal.KeyReason: h.Reason, signal.KeyGenerated: h.GeneratedBy,
		signal.KeyProtocol: h.Protocol, signal.KeyRequestID: h.RequestID,
	} {
		if v != "" {
			into[k] = v
		}
	}
	for k, v := range map[string]uint64{
		signal.KeyStatus: uint64(h.Status), signal.KeyAttempts: uint64(h.Attempts), signal.KeyConfig: h.ConfigVersion,
	} {
		if v != 0 {
			into[k] = int64(v)
		}
	}
	if h.GRPCStatus >= 0 {
		into[signal.KeyGRPCStatus] = int64(h.GRPCStatus)
	}
}
