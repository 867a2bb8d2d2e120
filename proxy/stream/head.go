package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ALPN is the name by which two sidecars agree on a stream.
const ALPN = "sightline-tcp/1"

// Mesh is a name that sidecars offer beside what they want to speak and that nobody
// picks: where plaintext is taken too, and with it TLS of apps' own, it tells theirs.
const Mesh = "sightline"

// maxMessage bounds what is read of a head or a refusal.
const maxMessage = 1 << 10

// Head is what the caller's sidecar says of a stream.
type Head struct {
	Traceparent string // W3C; may be empty
	RequestID   string // names the stream in the records of both sides; may be empty
}

// On the wire a head is two bytes of length and lines of "key=value". A key that is
// not known is passed over, so that newer sidecars may say more.
const (
	keyTrace = "traceparent"
	keyID    = "id"
)

// maxID is how much of an id is sent: clients choose some of them.
const maxID = 256

// Write sends the head in one write.
func (h Head) Write(w io.Writer) error {
	id := h.RequestID[:min(len(h.RequestID), maxID)]
	return writeMessage(w, nil, keyTrace+"="+h.Traceparent+"\n"+keyID+"="+id+"\n")
}

// ReadHead reads a head and no byte more.
func ReadHead(r io.Reader) (Head, error) {
	text, err := readMessage(r)
	if err != nil {
		return Head{}, fmt.Errorf("read head of a stream: %w", err)
	}
	var h Head
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		switch {
		case !ok:
			return Head{}, fmt.Errorf("read head of a stream: %q is no key=value", line)
		case key == keyTrace:
			h.Traceparent = value
		case key == keyID:
			h.RequestID = value
		}
	}
	return h, nil
}

// The first byte of an answer.
const (
	accepted = 0
	refused  = 1
)

// RefusedError is a stream that the other sidecar did not take.
type RefusedError struct {
	Flags  string // Envoy's letters
	Reason string
}

func (r *RefusedError) Error() string { return "peer: " + r.Reason }

// Accept tells the caller's sidecar that its bytes will reach the app.
func Accept(w io.Writer) error {
	_, err := w.Write([]byte{accepted})
	return err
}

// Refuse tells the caller's sidecar why they will not.
func Refuse(w io.Writer, r RefusedError) error {
	reason := strings.ToValidUTF8(r.Reason, "?")
	return writeMessage(w, []byte{refused}, r.Flags+"\n"+reason[:min(len(reason), maxMessage/2)])
}

// ReadAnswer reads what Accept or Refuse wrote, and no byte more. The error is a
// *RefusedError if the other sidecar said no.
func ReadAnswer(r io.Reader) error {
	var first [1]byte
	if _, err := io.ReadFull(r, first[:]); err != nil {
		return fmt.Errorf("read answer to a stream: %w", err)
	}
	switch first[0] {
	case accepted:
		return nil
	case refused:
	default:
		return fmt.Errorf("read answer to a stream: it begins with %#x", first[0])
	}
	text, err := readMessage(r)
	if err != nil {
		return fmt.Errorf("read refusal of a stream: %w", err)
	}
	flags, reason, _ := strings.Cut(text, "\n")
	return &RefusedError{Flags: flags, Reason: reason}
}

func writeMessage(w io.Writer, before []byte, text string) error {
	if len(text) > maxMessage {
		return errTooLong
	}
	b := binary.BigEndian.AppendUint16(before, uint16(len(text)))
	_, err := w.Write(append(b, text...))
	return err
}

var errTooLong = errors.New("message is too long")

func readMessage(r io.Reader) (string, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return "", err
	}
	n := binary.BigEndian.Uint16(size[:])
	if n > maxMessage {
		return "", fmt.Errorf("%w: %d bytes", errTooLong, n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return "", err
	}
	return string(b), nil
}
