// Package deploy holds what runs Sightline outside the demo: systemd units, a
// container recipe and a commented example for two hosts. Its tests read each of
// them, so that an example cannot name a flag that is not there.
package deploy

import "embed"

// Files are the units, recipes and examples, as they are shipped.
//
//go:embed systemd container examples
var Files embed.FS
