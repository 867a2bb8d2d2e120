package baseline

import (
	"crypto/tls"
	"io"
	"net"
)

// splice joins each connection to one of its own at the next hop, and copies bytes.
func (s Side) splice(l net.Listener, conf *tls.Config) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go s.join(c, conf) // ends with its connection, and all end with the process
	}
}

func (s Side) join(c net.Conn, conf *tls.Config) {
	defer func() { _ = c.Close() }()
	next, err := s.dial(conf)
	if err != nil {
		return // the caller sees its connection closed
	}
	defer func() { _ = next.Close() }()
	back := make(chan struct{})
	go func() {
		defer close(back)
		_, _ = io.Copy(c, next)
		_ = c.Close()
	}()
	_, _ = io.Copy(next, c)
	_ = next.Close()
	<-back
}

func (s Side) dial(conf *tls.Config) (net.Conn, error) {
	if s.Inner {
		return net.Dial("tcp", s.Next.String()) //nolint:noctx // it waits for nothing but loopback
	}
	return tls.Dial("tcp", s.Next.String(), conf) //nolint:noctx // the same
}
