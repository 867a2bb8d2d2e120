// Package spire has a test with a real SPIRE: its server and agent give two sidecars
// their identities, and replace them under load. build.sh gets the programs.
package spire
