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
)
