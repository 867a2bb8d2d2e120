package authorize

import (
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// operation is a compiled mesh.Operation.
type operation struct{ host, port, method, path pair }

func (o *operation) fits(r *Request) bool {
	return o.method.fits(r.Method) && o.path.fits(r.Path) && o.port.fits(r.Caller.port) &&
		(!o.host.asked() || o.host.fits(strings.ToLower(r.Host)))
}

// aboutRequest reports whether the operation needs a request of HTTP.
func (o *operation) aboutRequest() bool { return o.host.asked() || o.method.asked() || o.path.asked() }

func (c *compiler) operation(o *mesh.Operation) operation {
	return operation{
		host:   c.pair("hosts", lower(o.Hosts), lower(o.NotHosts), affixes),
		port:   c.pair("ports", o.Ports, o.NotPorts, 0),
		method: c.pair("methods", o.Methods, o.NotMethods, affixes),
		path:   c.pair("paths", o.Paths, o.NotPaths, affixes|operators),
	}
}

func lower(values []string) []string {
	var out []string
	for _, v := range values {
		out = append(out, strings.ToLower(v))
	}
	return out
}
