package mesh

// Onward is hosts outside whose addresses nobody knows but who connects to them, such as
// *.example.com: a connection that the kernel redirected, and that names one of them, may
// go on to where it was going.
type Onward struct {
	Entry string       `json:"entry"` // "shop/partners": the ServiceEntry that says so
	Hosts []OnwardHost `json:"hosts"`
	Ports []OnwardPort `json:"ports"` // that it was going to
}

// OnwardHost is a host, or all those below "*.".
type OnwardHost struct {
	Host string `json:"host"` // lower-case
	Name string `json:"name"` // that it is told of by: the entry's, of which Host may be a part
}

// OnwardPort is a port, and whether TLS of the app's own is spoken there, else HTTP.
type OnwardPort struct {
	Number uint16 `json:"number"`
	TLS    bool   `json:"tls,omitempty"`
}
