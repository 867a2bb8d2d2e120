package exporter

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// token names a batch by its content: the same request always has the same token, in
// this process or the next.
func token[T any](request T, marshal func(T) ([]byte, error)) (string, error) {
	b, err := marshal(request)
	if err != nil {
		return "", fmt.Errorf("encode batch: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16]), nil
}
