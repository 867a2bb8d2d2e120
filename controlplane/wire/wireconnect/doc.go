// Package wireconnect is the generated client and server of the sidecars' API over
// Connect.
package wireconnect
