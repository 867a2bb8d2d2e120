package listen

import (
	"errors"
	"time"

	"github.com/sightline-mesh/sightline/proxy/clienthello"
	"github.com/sightline-mesh/sightline/proxy/socket"
)

// Peek looks at the first bytes of a connection without taking them, until enough
// says so, there are limit of them, or no more come within a second.
func Peek(c *Conn, limit int, enough func(b []byte) bool) ([]byte, error) {
	c.Enter(Starting)
	b := make([]byte, limit)
	for began, n := time.Now(), 0; ; {
		m, err := socket.Peek(c.Conn, b, min(n+1, limit), patience-time.Since(began))
		if err != nil {
			return nil, err
		}
		if enough(b[:m]) || m == limit || m == n || time.Since(began) >= patience {
			return b[:m], nil
		}
		n = m
	}
}

// PeekHello looks at the ClientHello of a connection that begins with one.
func PeekHello(c *Conn) (clienthello.Hello, error) {
	var h clienthello.Hello
	var parseErr error
	_, err := Peek(c, clienthello.Max, func(b []byte) bool {
		h, parseErr = clienthello.Parse(b)
		return !errors.Is(parseErr, clienthello.ErrIncomplete)
	})
	if err != nil {
		return h, err
	}
	return h, parseErr
}
