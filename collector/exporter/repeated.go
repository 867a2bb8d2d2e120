package exporter

// maxRepeated bounds what the rows of one request may repeat of its resources and scopes, in
// bytes. A request has each once and its rows have them each: without a bound one of megabytes,
// most of which is a resource with a great many tiny records, would take gigabytes.
const maxRepeated = 256 << 20

// repeated is what the rows of a request have repeated so far, in bytes.
type repeated int

// fits reports whether another row of a resource and a scope may repeat them.
func (r *repeated) fits(o origin, scope string) bool {
	*r += repeated(o.size + len(scope))
	return *r <= maxRepeated
}

// sizeOf is how much of a row is its resource, in bytes.
func sizeOf(o origin) int {
	n := len(o.Service) + len(o.Namespace) + len(o.Version) + len(o.Instance)
	for _, p := range o.resource {
		n += len(p.Key) + len(p.Value)
	}
	return n
}
