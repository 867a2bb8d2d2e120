// Package configuration holds what must be so of any configuration: what is let through
// compiles in every sidecar, what is not is refused with the path of what is wrong, and
// nothing panics. It has tests only.
package configuration
