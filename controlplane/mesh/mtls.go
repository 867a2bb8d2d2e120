package mesh

// MTLSMode says what connections are secured with: on the way in those that a workload
// takes, on the way out those that are made to it.
type MTLSMode string

// The modes. On the way in the zero value is Strict; on the way out it is whatever the
// callee takes.
const (
	Strict     MTLSMode = "STRICT"       // mutual TLS of the mesh and nothing else
	Permissive MTLSMode = "PERMISSIVE"   // that, or plaintext
	Disable    MTLSMode = "DISABLE"      // plaintext
	Mutual     MTLSMode = "ISTIO_MUTUAL" // on the way out: the mesh's, whatever the callee takes
	Simple     MTLSMode = "SIMPLE"       // on the way out: TLS to who is no part of the mesh; see ClientTLS
	Own        MTLSMode = "MUTUAL"       // on the way out: Simple, with a certificate of the caller's own
)

// ClientTLS is how a sidecar makes sure that somebody outside the mesh is who they say,
// when it speaks TLS for an app that does not.
type ClientTLS struct {
	ServerName string `json:"serverName,omitempty"` // that is asked for; "" is the service's own
	// Names are those of which the certificate has to have one; none means the server name.
	Names []string `json:"names,omitempty"`
	// Authorities is a file of certificates, PEM, on the sidecar's machine; "" are those that
	// the machine trusts.
	Authorities string `json:"authorities,omitempty"`
	Unverified  bool   `json:"unverified,omitempty"` // whoever answers is taken for it
	// Certificate and Key are files of what the caller proves itself with; "" is nothing.
	Certificate string `json:"certificate,omitempty"`
	Key         string `json:"key,omitempty"`
}
