package former

import (
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"google.golang.org/protobuf/encoding/protowire"
)

// partField is that of the resources in OTLP's requests of every signal.
const partField protowire.Number = 1

var errNotOTLP = errors.New("not a request of OTLP")

// parts are hashes of a request's elements, in their order, and calls each, if there is one,
// with every element as it is in the request. They are the same in every process.
func parts(content []byte, each func(hash uint64, element []byte)) ([]uint64, error) {
	var hashes []uint64
	for len(content) > 0 {
		number, typ, tag := protowire.ConsumeTag(content)
		if tag < 0 {
			return nil, fmt.Errorf("%w: %w", errNotOTLP, protowire.ParseError(tag))
		}
		if number != partField || typ != protowire.BytesType {
			return nil, fmt.Errorf("%w: field %d of type %d", errNotOTLP, number, typ)
		}
		part, n := protowire.ConsumeBytes(content[tag:])
		if n < 0 {
			return nil, fmt.Errorf("%w: %w", errNotOTLP, protowire.ParseError(n))
		}
		hash := xxhash.Sum64(part)
		hashes = append(hashes, hash)
		if each != nil {
			each(hash, content[:tag+n])
		}
		content = content[tag+n:]
	}
	return hashes, nil
}
