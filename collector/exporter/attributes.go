package exporter

import (
	"maps"
	"math"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// setter puts a value into the column that is its own, or says that it does not fit.
type setter func(h *clickhouse.Hop, v pcommon.Value) bool

// appColumns are the attributes of applications that have a column.
var appColumns = map[string]setter{
	signal.KeyMethod:     text(func(h *clickhouse.Hop) *string { return &h.Method }),
	signal.KeyPath:       text(func(h *clickhouse.Hop) *string { return &h.Path }),
	signal.KeyProtocol:   text(func(h *clickhouse.Hop) *string { return &h.Protocol }),
	signal.KeyStatus:     whole(math.MaxUint16, func(h *clickhouse.Hop, n int64) { h.Status = uint16(n) }),
	signal.KeyGRPCStatus: whole(math.MaxInt16, func(h *clickhouse.Hop, n int64) { h.GRPCStatus = int16(n) }),
}

// meshColumns are those of sidecars, on whose word alone the rest is filled.
var meshColumns = with(appColumns, map[string]setter{
	signal.KeyPeer:      text(func(h *clickhouse.Hop) *string { return &h.Peer }),
	signal.KeyPeerVer:   text(func(h *clickhouse.Hop) *string { return &h.PeerVersion }),
	signal.KeyPeerInst:  text(func(h *clickhouse.Hop) *string { return &h.PeerInstance }),
	signal.KeyPeerID:    text(func(h *clickhouse.Hop) *string { return &h.PeerIdentity }),
	signal.KeyRoute:     text(func(h *clickhouse.Hop) *string { return &h.Route }),
	signal.KeyFlags:     text(func(h *clickhouse.Hop) *string { return &h.Flags }),
	signal.KeyReason:    text(func(h *clickhouse.Hop) *string { return &h.Reason }),
	signal.KeyGenerated: text(func(h *clickhouse.Hop) *string { return &h.GeneratedBy }),
	signal.KeyRequestID: text(func(h *clickhouse.Hop) *string { return &h.RequestID }),
	signal.KeyAttempts:  whole(math.MaxUint16, func(h *clickhouse.Hop, n int64) { h.Attempts = uint16(n) }),
	signal.KeyConfig:    whole(math.MaxInt64, func(h *clickhouse.Hop, n int64) { h.ConfigVersion = uint64(n) }),
	signal.KeyMTLS: func(h *clickhouse.Hop, v pcommon.Value) bool {
		h.MTLS = v.Bool()
		return v.Type() == pcommon.ValueTypeBool
	},
})

func with(a, b map[string]setter) map[string]setter {
	maps.Copy(b, a)
	return b
}

func text(field func(*clickhouse.Hop) *string) setter {
	return func(h *clickhouse.Hop, v pcommon.Value) bool {
		if v.Type() != pcommon.ValueTypeStr {
			return false
		}
		*field(h) = v.Str()
		return v.Str() != "" // else kept beside the others, as a column does not tell it from none
	}
}

func whole(most int64, set func(*clickhouse.Hop, int64)) setter {
	return func(h *clickhouse.Hop, v pcommon.Value) bool {
		if v.Type() != pcommon.ValueTypeInt || v.Int() < 0 || v.Int() > most {
			return false
		}
		set(h, v.Int())
		return true
	}
}

// split sorts a row's attributes into columns and typed maps.
func split(attrs pcommon.Map, columns map[string]setter, h *clickhouse.Hop, a *clickhouse.Attributes) {
	splitBut(func(string, pcommon.Value) bool { return false }, attrs, columns, h, a)
}

// splitBut is split but for what is taken elsewhere.
func splitBut(taken func(string, pcommon.Value) bool, attrs pcommon.Map, columns map[string]setter, h *clickhouse.Hop, a *clickhouse.Attributes) {
	h.GRPCStatus = -1
	var types typing
	for k, v := range attrs.All() {
		if set := columns[k]; k != signal.KeyTypes && !taken(k, v) && (set == nil || !set(h, v)) {
			keep(a, &types, k, v)
		}
	}
	if note := types.text(); note != "" {
		a.Strings.Add(signal.KeyTypes, note)
	}
}

// keep puts a value into the map of its type; lists and maps become JSON, and whole
// numbers that a float cannot hold exactly become text.
func keep(a *clickhouse.Attributes, types *typing, k string, v pcommon.Value) {
	const exact = 1 << 53
	switch v.Type() {
	case pcommon.ValueTypeStr:
		a.Strings.Add(k, v.Str())
		return
	case pcommon.ValueTypeBool:
		a.Bools.Add(k, v.Bool())
		return
	case pcommon.ValueTypeDouble:
		a.Numbers.Add(k, v.Double())
		if v.Double() == math.Trunc(v.Double()) { // would be read back as a whole number
			types.note(k, v)
		}
		return
	case pcommon.ValueTypeInt:
		if n := v.Int(); n >= -exact && n <= exact {
			a.Numbers.Add(k, float64(n))
			return
		}
	}
	a.Strings.Add(k, textOf(v))
	types.note(k, v)
}

// again are the lists of a row that is done with, empty for the next, which is of o.
func again(a clickhouse.Attributes, o origin) clickhouse.Attributes {
	return clickhouse.Attributes{Strings: a.Strings[:0], Numbers: a.Numbers[:0], Bools: a.Bools[:0], Resource: o.resource}
}

// origin is what the rows of one resource share.
type origin struct {
	clickhouse.Workload
	resource   clickhouse.Pairs[string]
	size       int  // bytes that each row has of it
	unreadable bool // not UTF-8
}

func originOf(r pcommon.Resource) origin {
	var (
		o     origin
		types typing
	)
	for k, v := range r.Attributes().All() {
		switch k {
		case signal.KeyTypes:
		case signal.KeyService:
			o.Service = v.AsString()
		case signal.KeyNamespace:
			o.Namespace = v.AsString()
		case signal.KeyVersion:
			o.Version = v.AsString()
		case signal.KeyInstance:
			o.Instance = v.AsString()
		default:
			o.resource.Add(k, textOf(v))
			if v.Type() != pcommon.ValueTypeStr {
				types.note(k, v)
			}
		}
	}
	if note := types.text(); note != "" {
		o.resource.Add(signal.KeyTypes, note)
	}
	o.unreadable = !readable(r.Attributes())
	if o.Service == "" {
		o.Service = "unknown_service" // as SDKs call it
	}
	o.size = sizeOf(o)
	return o
}

// inMesh is the workload with its service spelled as the mesh spells it. Only a
// sidecar's namespace is the mesh's; an application may mean anything by the word.
func (o origin) inMesh() clickhouse.Workload {
	w := o.Workload
	if !strings.Contains(w.Service, ".") {
		w.Service = string(mesh.NewServiceName(w.Service, w.Namespace))
	}
	return w
}

// attributeText is an attribute as text, empty where it is not there.
func attributeText(m pcommon.Map, key string) string {
	v, ok := m.Get(key)
	if !ok {
		return ""
	}
	return v.AsString()
}

// attributeInt is an attribute that is a whole number, or otherwise.
func attributeInt(m pcommon.Map, key string, otherwise int64) int64 {
	v, ok := m.Get(key)
	if !ok || v.Type() != pcommon.ValueTypeInt {
		return otherwise
	}
	return v.Int()
}
