package mesh

import "time"

// HealthCheck asks instances from time to time whether they are well. Exactly one of
// HTTP, GRPC and TCP is set; every other field has a value.
type HealthCheck struct {
	HTTP *HTTPCheck `json:"http,omitempty"`
	GRPC *GRPCCheck `json:"grpc,omitempty"`
	TCP  bool       `json:"tcp,omitempty"` // a connection, handshake included, is enough
	// Port is where the app is asked, of those it has; 0 is the first. What comes of it
	// holds for all of them.
	Port uint16 `json:"port,omitempty"`

	Interval time.Duration `json:"interval"`
	Timeout  time.Duration `json:"timeout"`
	// NoTrafficInterval takes the place of Interval while nothing is sent to the service.
	NoTrafficInterval time.Duration `json:"noTrafficInterval"`
	Healthy           int           `json:"healthy"`   // good answers in a row that an unwell instance needs
	Unhealthy         int           `json:"unhealthy"` // bad ones in a row that make one unwell
}

// HTTPCheck is a GET whose answer has a status among those expected.
type HTTPCheck struct {
	Path     string        `json:"path"`
	Host     string        `json:"host"`
	Statuses []StatusRange `json:"statuses"`
}

// StatusRange is a range of HTTP statuses, both ends included.
type StatusRange struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// GRPCCheck is a call of grpc.health.v1.Health/Check for a service by its name in gRPC,
// empty for the server as a whole.
type GRPCCheck struct {
	Service string `json:"service,omitempty"`
}
