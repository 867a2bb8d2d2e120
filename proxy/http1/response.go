package http1

import "net/http"

// Response is a response head. Its strings alias the Reader's buffer.
type Response struct {
	Head

	Status  int
	Minor   int // of the version: 0 or 1
	Framing Framing
	Length  uint64 // of the body when Framing is Length

	// KeepAlive is whether the connection can carry another request afterwards.
	KeepAlive bool
}

// Interim reports whether another head follows for the same request.
func (p *Response) Interim() bool {
	return p.Status < 200 && p.Status != http.StatusSwitchingProtocols
}

// Clean takes out the fields that belong to the connection it came from.
func (p *Response) Clean() {
	upgrade := ""
	if p.Status == http.StatusSwitchingProtocols {
		upgrade = p.Get(Upgrade)
	}
	p.dropHopByHop()
	if upgrade != "" {
		p.Set(Upgrade, upgrade)
		p.Set(Connection, "upgrade")
	}
	if p.Status < 200 || p.Status == http.StatusNoContent {
		p.Drop(ContentLength)
	}
}

// parse reads the first line and what the fields mean for an answer to method.
func (p *Response) parse(method string) error {
	if err := p.parseLine(); err != nil {
		return err
	}
	framing, length, err := p.declared(p.Minor)
	if err != nil {
		return err
	}
	p.readConnection()
	p.KeepAlive = !p.connection.close && (p.Minor == 1 || p.connection.keepAlive)
	p.Framing, p.Length = framing, length
	switch {
	case bodyless(p.Status) || method == http.MethodHead:
		p.Framing, p.Length = NoBody, 0
	case framing == NoBody:
		p.Framing, p.KeepAlive = UntilClose, false
	}
	return nil
}

// bodyless reports whether responses of the status never have a body.
func bodyless(status int) bool {
	return status < 200 || status == http.StatusNoContent || status == http.StatusNotModified
}

// begin takes a look at the status line before the rest of the head is there.
func (*Response) begin(line []byte) error {
	if len(line) < len("HTTP/") || string(line[:len("HTTP/")]) != "HTTP/" {
		return badRequest("%q is no HTTP", clip(line))
	}
	return nil
}

// emptyBefore is 0: such a line would be of the answer before.
func (*Response) emptyBefore() int { return 0 }

func (p *Response) parseLine() error {
	line := p.raw[:p.first]
	if len(line) < len("HTTP/1.1 200") || line[8] != ' ' {
		return badRequest("%q is not a status line", clip(line))
	}
	var err error
	if p.Minor, err = parseVersion(line[:8]); err != nil {
		return err
	}
	n, ok := parseDigits(view(line[9:12]))
	if !ok || n < 100 || n > 599 || (len(line) > 12 && line[12] != ' ') {
		return badRequest("%q is not a status line", clip(line))
	}
	if !allOf(line[12:], valueByte) {
		return badRequest("control byte in a status line")
	}
	p.Status = int(n)
	return nil
}
