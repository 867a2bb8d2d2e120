package mesh

import "time"

// Event is one line of the mesh's timeline: what changed, because of what, by whom.
type Event struct {
	ID      string            `json:"id"` // sorts by time
	Time    time.Time         `json:"time"`
	Kind    EventKind         `json:"kind"`
	Target  Target            `json:"target"`
	Summary string            `json:"summary"`           // one sentence
	By      string            `json:"by"`                // "remedy", a user's name, "sightline"
	Verdict string            `json:"verdict,omitempty"` // id of the verdict it belongs to
	Detail  map[string]string `json:"detail,omitempty"`  // evidence: numbers, before, after
	Traces  []string          `json:"traces,omitempty"`
}

// EventKind says what sort of thing happened.
type EventKind string

// The kinds of events.
const (
	EventAnomaly   EventKind = "anomaly"
	EventTripped   EventKind = "tripped"
	EventProbing   EventKind = "probing"
	EventReleased  EventKind = "released"
	EventHeld      EventKind = "held"
	EventConfig    EventKind = "config"    // applied, deleted, restored
	EventTraffic   EventKind = "traffic"   // weights changed or undone
	EventInstance  EventKind = "instance"  // joined, left, drained
	EventRefused   EventKind = "refused"   // a sidecar refused a push
	EventIdentity  EventKind = "identity"  // the CA was rotated, a certificate revoked, a renewal fails
	EventPlaintext EventKind = "plaintext" // a sidecar turned connections away that were no mutual TLS
	EventRegistry  EventKind = "registry"  // a source of instances fails, or works again
)
