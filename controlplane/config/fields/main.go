// Command fields writes FIELDS.md of package config into the working directory, where
// go generate runs it.
package main

import (
	"fmt"
	"os"

	"github.com/sightline-mesh/sightline/controlplane/config"
)

func main() {
	if err := os.WriteFile("FIELDS.md", config.Reference(), 0o644); err != nil { //nolint:gosec // everybody may read it
		fmt.Fprintln(os.Stderr, "fields:", err)
		os.Exit(1)
	}
}
