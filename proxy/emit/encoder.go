package emit

import (
	"encoding/json"
	"hash/maphash"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/proxy/redact"
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
	shapes   shapes
	secrets  *redact.Params
	path     []byte // scratch
}

func newEncoder(c Config) *encoder {
	var b []byte
	b = attrString(b, resourceAttrs, signal.KeyService, c.Service)
	b = attrString(b, resourceAttrs, signal.KeyNamespace, c.Namespace)
	b = attrString(b, resourceAttrs, signal.KeyVersion, c.Version)
	b = attrString(b, resourceAttrs, signal.KeyInstance, c.Instance)
	return &encoder{service: c.Service, resource: b, shapes: shapes{seed: maphash.MakeSeed()}, secrets: redact.New(c.SecretParams)}
}

// target is the target of w's request without its secrets, until the next call.
func (e *encoder) target(c *chunk, w *row) []byte {
	t := c.ownOf(w, textPath)
	if !redact.Begins(t) {
		return t
	}
	e.path = e.secrets.Append(e.path[:0], t)
	return e.path[:min(len(e.path), maxPath)]
}

// exportRequest is one that has begun.
type exportRequest struct{ resource, scopes int }

// open begins an export request of items of one scope, close ends it.
func (e *encoder) open(b []byte, scope string) ([]byte, exportRequest) {
	var r exportRequest
	b, r.resource = begin(b, requestResources)
	b = appendBytes(b, resourceField, e.resource)
	b, r.scopes = begin(b, scopesField)
	b, name := begin(b, scopeField)
	b = appendBytes(b, scopeName, scope)
	return end(b, name), r
}

func (r exportRequest) close(b []byte) []byte { return end(end(b, r.scopes), r.resource) }

// encoded is the export requests of a chunk's records.
type encoded struct {
	spans, logs         []byte
	spanCount, logCount int
}

// chunk appends the spans and access-log rows of c to into and counts them in red.
func (e *encoder) chunk(into encoded, c *chunk, red *redWindow) encoded {
	var spans, logs exportRequest
	into.spans, spans = e.open(into.spans, signal.ScopeProxy)
	into.logs, logs = e.open(into.logs, signal.ScopeProxy)
	for i := range c.rows[:c.rowsLen] {
		w := &c.rows[i]
		s := e.shapes.of(e, c, w)
		red.count(s, c, w)
		if !w.unlogged {
			into.logs = e.logRow(into.logs, s, c, w)
			into.logCount++
		}
		if n := w.spans(); n > 0 {
			into.spans = e.spans(into.spans, s, c, w)
			into.spanCount += n
		}
	}
	into.spans, into.logs = spans.close(into.spans), logs.close(into.logs)
	return into
}

// common appends what spans and log rows of one shape say alike.
func common(b []byte, f protowire.Number, w *row, t *splitTexts) []byte {
	b = attrString(b, f, signal.KeyReporter, w.direction.reporter())
	b = attrText(b, f, signal.KeyPeer, t[textPeerService])
	b = attrText(b, f, signal.KeyPeerVer, t[textPeerVersion])
	b = attrText(b, f, signal.KeyPeerInst, t[textPeerInstance])
	b = attrText(b, f, signal.KeyPeerID, t[textPeerIdentity])
	b = attrText(b, f, signal.KeyRoute, t[textRoute])
	b = attrText(b, f, signal.KeyMethod, t[textMethod])
	b = attrText(b, f, signal.KeyAuthority, t[textAuthority])
	b = attrText(b, f, signal.KeyProtocol, t[textProtocol])
	b = attrText(b, f, signal.KeyFlags, t[textFlags])
	b = attrText(b, f, signal.KeyReason, t[textReason])
	b = attrText(b, f, signal.KeyChoice, t[textChoice])
	b = attrText(b, f, signal.KeyPassedOver, t[textPassedOver])
	b = attrText(b, f, signal.KeyGenerated, t[textGeneratedBy])
	if w.port > 0 {
		b = attrInt(b, f, signal.KeyPort, int64(w.port))
	}
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
func triesJSON(c *chunk, w *row) []byte {
	if w.triesLen == 0 || w.triesLen == 1 && !w.bad {
		return nil
	}
	out := make([]tryJSON, 0, w.triesLen)
	tries := c.triesOf(w)
	for i := range tries {
		t := &tries[i]
		out = append(out, tryJSON{
			Instance: string(c.instanceOf(t)), MS: float64(t.took/int64(time.Microsecond)) / 1000,
			Status: int(t.status), Reason: string(c.reasonOf(t)),
		})
	}
	b, err := json.Marshal(out)
	if err != nil { // of strings and finite numbers there is none
		return nil
	}
	return b
}

func (d Direction) reporter() string {
	if d == Inbound {
		return signal.Destination
	}
	return signal.Source
}

// milliseconds are told to the 1024th, about a microsecond: with the rest of its bits zero a
// number takes 3 bytes in the store instead of 7.5.
func milliseconds(ns int64) float64 {
	const parts = 1024
	return math.Round(float64(ns)*parts/float64(time.Millisecond)) / parts
}
