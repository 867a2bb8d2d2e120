package mesh

import "fmt"

// PathNormalization is how much sidecars do to the path of a request before anything
// looks at it, by Istio's names. Empty is not said, which is BASE.
type PathNormalization string

// The normalizations; each but NONE does what those before it do.
const (
	PathNone                  PathNormalization = "NONE"
	PathBase                  PathNormalization = "BASE"
	PathMergeSlashes          PathNormalization = "MERGE_SLASHES"
	PathDecodeAndMergeSlashes PathNormalization = "DECODE_AND_MERGE_SLASHES"
)

// ParsePathNormalization reads a name.
func ParsePathNormalization(s string) (PathNormalization, error) {
	switch p := PathNormalization(s); p {
	case "", PathNone, PathBase, PathMergeSlashes, PathDecodeAndMergeSlashes:
		return p, nil
	}
	return "", fmt.Errorf("%q is not a path normalization; want NONE, BASE, MERGE_SLASHES or DECODE_AND_MERGE_SLASHES", s)
}
