package emit

import (
	"encoding/json"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// Fields that the three export requests share: each is a list of resources, each
// with a resource and a list of scopes, each with a scope and a list of items.
const (
	requestResources = 1
	resourceField    = 1
	scopesField      = 2
	scopeField       = 1
	itemsField       = 2
	resourceAttrs    = 1
	scopeName        = 1
)

// encoder writes OTLP export requests of one workload.
type encoder struct {
	service  string
	resource []byte // the Resource message
}

func newEncoder(c Config) *encoder {
	var b []byte
	b = attrString(b, resourceAttrs, signal.KeyService, c.Service)
	b = attrString(b, resourceAttrs, signal.KeyNamespace, c.Namespace)
	b = attrString(b, resourceAttrs, signal.KeyVersion, c.Version)
	b = attrString(b, resourceAttrs, signal.KeyInstance, c.Instance)
	return &encoder{service: c.Service, resource: b}
}

// request wraps what items appends, the items of one scope, into an export request.
func (e *encoder) request(b []byte, scope string, items func(b []byte) []byte) []byte {
	b, resource := begin(b, requestResources)
	b = appendBytes(b, resourceField, e.resource)
	b, scopes := begin(b, scopesField)
	b, name := begin(b, scopeField)
	b = appendBytes(b, scopeName, scope)
	b = end(b, name)
	b = items(b)
	b = end(b, scopes)
	return end(b, resource)
}

// common appends what spans and log rows say alike.
func common(b []byte, f protowire.Number, buf *recordBuffer, w *row) []byte {
	b = attrString(b, f, signal.KeyReporter, w.direction.reporter())
	b = attrText(b, f, signal.KeyPeer, buf.get(w.peerService))
	b = attrText(b, f, signal.KeyPeerVer, buf.get(w.peerVersion))
	b = attrText(b, f, signal.KeyPeerInst, buf.get(w.peerInstance))
	b = attrText(b, f, signal.KeyPeerID, buf.get(w.peerIdentity))
	b = attrText(b, f, signal.KeyRoute, buf.get(w.route))
	b = attrText(b, f, signal.KeyMethod, buf.get(w.method))
	b = attrText(b, f, signal.KeyPath, buf.get(w.path))
	b = attrText(b, f, signal.KeyAuthority, buf.get(w.authority))
	b = attrText(b, f, signal.KeyProtocol, buf.get(w.protocol))
	b = attrText(b, f, signal.KeyRequestID, buf.get(w.requestID))
	b = attrText(b, f, signal.KeyFlags, buf.get(w.flags))
	b = attrText(b, f, signal.KeyReason, buf.get(w.reason))
	b = attrText(b, f, signal.KeyChoice, buf.get(w.choice))
	b = attrText(b, f, signal.KeyPassedOver, buf.get(w.passedOver))
	b = attrText(b, f, signal.KeyGenerated, buf.get(w.generatedBy))
	b = attrBool(b, f, signal.KeyMTLS, w.mtls)
	b = attrInt(b, f, signal.KeyStatus, int64(w.status))
	if w.grpc >= 0 {
		b = attrInt(b, f, signal.KeyGRPCStatus, int64(w.grpc))
	}
	if w.triesLen > 0 {
		b = attrInt(b, f, signal.KeyAttempts, int64(w.triesLen))
	}
	if w.configVersion > 0 {
		b = attrInt(b, f, signal.KeyConfig, int64(w.configVersion))
	}
	return b
}

// tryJSON is one element of signal.KeyTries.
type tryJSON struct {
	Instance string  `json:"instance"`
	MS       float64 `json:"ms"`
	Status   int     `json:"status"`
	Reason   string  `json:"reason,omitempty"`
}

// triesJSON tells of w's tries where they say more than the row itself does: where
// there was more than one, or the only one did not go well.
func triesJSON(buf *recordBuffer, w *row) []byte {
	if w.triesLen == 0 || w.triesLen == 1 && !w.failed() {
		return nil
	}
	out := make([]tryJSON, 0, w.triesLen)
	for _, t := range buf.triesOf(w) {
		out = append(out, tryJSON{
			Instance: string(buf.get(t.instance)), MS: milliseconds(t.took),
			Status: int(t.status), Reason: string(buf.get(t.reason)),
		})
	}
	b, err := json.Marshal(out)
	if err != nil { // of strings and finite numbers there is none
		return nil
	}
	return b
}

// failed reports whether a row counts as an error.
func (w *row) failed() bool { return w.bad }

func (d Direction) reporter() string {
	if d == Inbound {
		return signal.Destination
	}
	return signal.Source
}

func milliseconds(ns int64) float64 { return float64(ns) / float64(time.Millisecond) }
