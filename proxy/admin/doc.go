// Package admin is the sidecar's page for operators, on loopback: is it alive and
// ready, what has it counted, what does it know, what do its breakers say, and one
// button, drain.
package admin
