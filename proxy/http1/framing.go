package http1

// Framing is how the end of a body is found.
type Framing uint8

// The framings.
const (
	NoBody     Framing = iota
	Length             // Content-Length bytes
	Chunked            // chunks, a last chunk and trailers
	UntilClose         // a response that ends with its connection
)

// declared reads what the fields say about the body. Both kinds of field at once,
// a coding other than chunked and more than one length are refused.
func (h *Head) declared(minor int) (Framing, uint64, error) {
	if h.Has(TransferEncoding) {
		if h.Has(ContentLength) {
			return 0, 0, badRequest("both content-length and transfer-encoding")
		}
		return Chunked, 0, h.checkTransferEncoding(minor)
	}
	if !h.Has(ContentLength) {
		return NoBody, 0, nil
	}
	n, err := h.contentLength()
	if err != nil {
		return 0, 0, err
	}
	return Length, n, nil
}

func (h *Head) checkTransferEncoding(minor int) error {
	if minor == 0 {
		return badRequest("transfer-encoding in an HTTP/1.0 message")
	}
	if h.Count(TransferEncoding) > 1 {
		return badRequest("more than one transfer-encoding field")
	}
	if v := h.Get(TransferEncoding); !equalFold(v, "chunked") {
		return &Error{Status: 501, Reason: "transfer-encoding is not just chunked"}
	}
	return nil
}

// contentLength reads the only Content-Length field. A second one is refused even
// when it says the same, as is a list.
func (h *Head) contentLength() (uint64, error) {
	if h.Count(ContentLength) > 1 {
		return 0, badRequest("more than one content-length")
	}
	v := h.Get(ContentLength)
	n, ok := parseDigits(v)
	if !ok {
		return 0, badRequest("content-length %q is not a number", v[:min(len(v), 40)])
	}
	return n, nil
}

// parseDigits reads plain decimal digits up to 2^62.
func parseDigits(b string) (uint64, bool) {
	if len(b) == 0 || len(b) > 19 {
		return 0, false
	}
	var n uint64
	for _, c := range []byte(b) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, n < 1<<62
}
