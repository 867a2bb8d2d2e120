package mesh

import "fmt"

// AppProtocol is what an app speaks on its port. The zero value is not said: sidecars
// then tell it by the first bytes of a connection.
type AppProtocol string

// The protocols of apps. All but TCP and TLS are understood; those two are carried
// as streams of bytes.
const (
	HTTP  AppProtocol = "http" // HTTP/1.1
	HTTP2 AppProtocol = "http2"
	GRPC  AppProtocol = "grpc"
	TCP   AppProtocol = "tcp"
	TLS   AppProtocol = "tls" // the app's own, not the mesh's
)

// ParseAppProtocol reads a protocol's name; empty is not said.
func ParseAppProtocol(s string) (AppProtocol, error) {
	switch p := AppProtocol(s); p {
	case "", HTTP, HTTP2, GRPC, TCP, TLS:
		return p, nil
	}
	return "", fmt.Errorf("protocol %q: want http, http2, grpc, tcp or tls", s)
}

// Opaque reports whether connections are carried as bytes without being understood.
func (p AppProtocol) Opaque() bool { return p == TCP || p == TLS }
