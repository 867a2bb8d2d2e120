package route

// Op is what an Edit does.
type Op uint8

// The operations.
const (
	Remove Op = iota // every field of the name
	Set              // as Remove, and then there is one with the value
	Add              // one more
)

// Edit is one change to the fields of a message. Names are in lower case. A list of
// them is applied in its order.
type Edit struct {
	Op          Op
	Name, Value string
}

// Answer is a response that a rule gives in an instance's stead. It is shared and
// must not be changed.
type Answer struct {
	Status int
	// GRPC is the code of gRPC to answer with whatever Status would mean, -1 if there
	// is none.
	GRPC   int
	Fields []Edit // all of them Add; content-length is not among them
	Body   string
}
