package inflight

import (
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"google.golang.org/protobuf/encoding/protowire"
)

// partField is that of the resources in OTLP's requests of every signal.
const partField protowire.Number = 1

var errNotOTLP = errors.New("not a request of OTLP")

// Parts are hashes of a request's elements, in their order. They are the same in every
// process.
func Parts(content []byte) ([]uint64, error) {
	var parts []uint64
	for len(content) > 0 {
		number, typ, n := protowire.ConsumeTag(content)
		if n < 0 {
			return nil, fmt.Errorf("%w: %w", errNotOTLP, protowire.ParseError(n))
		}
		content = content[n:]
		if number != partField || typ != protowire.BytesType {
			return nil, fmt.Errorf("%w: field %d of type %d", errNotOTLP, number, typ)
		}
		part, n := protowire.ConsumeBytes(content)
		if n < 0 {
			return nil, fmt.Errorf("%w: %w", errNotOTLP, protowire.ParseError(n))
		}
		content = content[n:]
		parts = append(parts, xxhash.Sum64(part))
	}
	return parts, nil
}
