package remote

import (
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/sightline-mesh/sightline/collector/throttle"
)

// The messages of remote write, as content types name them.
const (
	messageV1 = "prometheus.WriteRequest"
	messageV2 = "io.prometheus.write.v2.Request"
)

const (
	maxWriters = 16 // requests that are being decoded or stored
	retryAfter = 1  // s
)

// Admission decides what is taken of what a tenant sends, which names itself by claim.
// admit.Admission is one.
type Admission interface {
	// Samples charges for a request; its error is a *throttle.RefusedError. GiveBack undoes it.
	Samples(claim string, items, bytes int) (giveBack func(), err error)
	// Series takes a series, or says why not.
	Series(claim string, l labels.Labels) error
}

// Writer serves remote write.
type Writer struct {
	admission Admission
	groups    groups
	places    places
	logger    *slog.Logger
	books     books
}

// NewWriter makes a handler of remote write into a store. A nil Admission takes all.
func NewWriter(s Store, a Admission, logger *slog.Logger) *Writer {
	return &Writer{admission: a, groups: groups{store: s, logger: logger}, places: make(places, maxWriters), logger: logger}
}

// ServeHTTP takes one request.
func (h *Writer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !posted(w, r) {
		return
	}
	message, err := negotiate(r.Header.Get("Content-Type"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnsupportedMediaType)
		return
	}
	if !h.places.take(r) {
		return
	}
	defer h.places.leave()
	b, err := h.write(w, r, message)
	h.books.add(b, err)
	h.answer(w, r, message, b, err)
}

// negotiate gives the message that a content type names; without one it is 1.0's.
func negotiate(contentType string) (string, error) {
	if contentType == "" {
		return messageV1, nil
	}
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "application/x-protobuf" {
		return "", fmt.Errorf("Content-Type %q: want application/x-protobuf", contentType)
	}
	switch m := params["proto"]; m {
	case "", messageV1:
		return messageV1, nil
	case messageV2:
		return m, nil
	default:
		return "", fmt.Errorf("Content-Type %q: proto %q: want %s or %s", contentType, m, messageV1, messageV2)
	}
}

// write stores what is right of a request. The batch is what was stored, nil if nothing
// was.
func (h *Writer) write(w http.ResponseWriter, r *http.Request, message string) (*batch, error) {
	body, err := readBody(w, r, maxBody)
	if err != nil {
		return nil, err
	}
	read := decodeV1
	if message == messageV2 {
		read = decodeV2
	}
	b := &batch{now: time.Now()}
	if claim := r.Header.Get(orgID); h.admission != nil {
		b.admit = func(l labels.Labels) error { return h.admission.Series(claim, l) }
	}
	if err := read(body, b); err != nil {
		return nil, &refusal{http.StatusBadRequest, err}
	}
	giveBack, err := h.charge(r, b, len(body))
	if err != nil {
		return nil, err
	}
	if err := h.groups.add(r.Context(), b); err != nil {
		giveBack()
		return nil, &refusal{http.StatusServiceUnavailable, err}
	}
	if err := b.wrong(); err != nil {
		return b, &refusal{http.StatusBadRequest, err}
	}
	return b, nil
}

// orgID is the header in which senders of Cortex and Mimir say who they are.
const orgID = "X-Scope-OrgID"

// charge refuses what comes faster than its tenant may send, so that it is kept: with
// 503, since Prometheus drops what is answered with 429 unless it is told otherwise.
func (h *Writer) charge(r *http.Request, b *batch, bytes int) (giveBack func(), err error) {
	if h.admission == nil {
		return func() {}, nil
	}
	giveBack, err = h.admission.Samples(r.Header.Get(orgID), len(b.samples)+len(b.exemplars)+b.refused, bytes)
	if err != nil {
		return nil, &refusal{http.StatusServiceUnavailable, err}
	}
	return giveBack, nil
}

// answer tells the sender. 2.0 wants to know how much was written, whatever the status.
func (h *Writer) answer(w http.ResponseWriter, r *http.Request, message string, b *batch, err error) {
	if message == messageV2 {
		if b == nil {
			b = &batch{}
		}
		w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", strconv.Itoa(b.values))
		w.Header().Set("X-Prometheus-Remote-Write-Histograms-Written", strconv.Itoa(b.histograms))
		w.Header().Set("X-Prometheus-Remote-Write-Exemplars-Written", strconv.Itoa(b.marks))
	}
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	status := statusOf(err)
	if slow, ok := errors.AsType[*throttle.RefusedError](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(slow.Wait/time.Second)))
		h.logger.DebugContext(r.Context(), "remote write comes too fast; the sender tries again", "error", err)
	} else if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
		h.logger.WarnContext(r.Context(), "remote write was not stored; the sender tries again", "error", err)
	} else {
		h.logger.DebugContext(r.Context(), "remote write was refused", "status", status, "error", err)
	}
	http.Error(w, err.Error(), status)
}
