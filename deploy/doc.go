// Package deploy holds what runs Sightline outside the demo: systemd units, container
// recipes and commented examples. It reads the command lines and environment files out
// of them, so that tests can hold each against the programs: an example cannot name a
// flag that is not there.
package deploy

import "embed"

// Files are the units, recipes and examples, as they are shipped.
//
//go:embed systemd container examples
var Files embed.FS
