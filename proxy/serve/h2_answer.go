package serve

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sightline-mesh/sightline/proxy/route"
)

// changeH2 makes the route's changes to a request that is not sent yet. The header
// of r is shared with other tries and becomes its own.
func changeH2(r *http.Request, c *changes) {
	if c.path != "" {
		path, query, _ := strings.Cut(c.path, "?")
		to := &url.URL{Scheme: r.URL.Scheme, Host: r.URL.Host, Opaque: path, RawQuery: query}
		if strings.HasPrefix(path, "//") { // an opaque part that begins like this would get its scheme
			to.Opaque, to.Path, to.RawPath = "", path, path
			if plain, err := url.PathUnescape(path); err == nil {
				to.Path = plain
			}
		}
		r.URL = to
	}
	if c.authority != "" {
		r.Host, r.URL.Host = c.authority, c.authority
	}
	if len(c.request) > 0 {
		r.Header = r.Header.Clone()
		editHeader(r.Header, c.request)
	}
}

func editHeader(h http.Header, edits []route.Edit) {
	for i := range edits {
		switch e := &edits[i]; e.Op {
		case route.Remove:
			h.Del(e.Name)
		case route.Set:
			h.Set(e.Name, e.Value)
		case route.Add:
			h.Add(e.Name, e.Value)
		}
	}
}

// refuse implements codec. A gRPC client gets its answer as a status of gRPC.
func (h *h2) refuse(x *exchange, f fault) {
	x.rec.BytesIn = h.body.size()
	if f.status == 0 || h.begun {
		return
	}
	header := h.w.Header()
	reason := headerValue(f.reason)
	header.Set("X-Sightline-Reason", reason)
	header.Set("X-Sightline-Flags", f.flags)
	header.Set("X-Request-Id", x.rec.RequestID)
	x.rec.Status = f.status
	if h.grpc {
		x.rec.Status, x.rec.GRPCStatus = http.StatusOK, f.grpcCode()
		header.Set("Content-Type", "application/grpc")
		header.Set("Grpc-Status", strconv.Itoa(f.grpcCode()))
		header.Set("Grpc-Message", "sightline: "+reason)
		h.w.WriteHeader(http.StatusOK)
		return
	}
	header.Set("Content-Type", "text/plain; charset=utf-8")
	h.w.WriteHeader(f.status)
	h.w.Write([]byte("sightline: " + reason + "\n")) //nolint:errcheck // there is nobody else to tell
}

// answer implements codec. A gRPC client gets its answer as a status of gRPC.
func (h *h2) answer(x *exchange, a *route.Answer) error {
	x.rec.BytesIn = h.body.size()
	header := h.w.Header()
	editHeader(header, a.Fields)
	if x.out != nil {
		editHeader(header, x.out.response)
	}
	header.Set("X-Sightline-Reason", headerValue(x.rec.Reason))
	header.Set("X-Request-Id", x.rec.RequestID)
	x.rec.Status = a.Status
	if h.grpc {
		x.rec.Status, x.rec.GRPCStatus = http.StatusOK, grpcOf(a)
		header.Set("Content-Type", "application/grpc")
		header.Set("Grpc-Status", strconv.Itoa(grpcOf(a)))
		header.Set("Grpc-Message", headerValue(a.Body))
		h.w.WriteHeader(http.StatusOK)
		return nil
	}
	h.w.WriteHeader(a.Status)
	if h.r.Method == http.MethodHead || a.Body == "" {
		return nil
	}
	if n, err := h.w.Write([]byte(a.Body)); err == nil {
		x.rec.BytesOut = uint64(n)
	}
	return nil // a client that is gone by now has lost nothing
}
