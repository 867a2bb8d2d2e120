package admin

import (
	"fmt"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// EventQuery chooses events, newest first. Its zero value asks for the newest
// there are.
type EventQuery struct {
	After   string           // id of the last event of the page before: only older ones
	Since   string           // id of an event seen before: only newer ones
	Limit   int              // 0 is the server's default
	Kind    mesh.EventKind   // "" is any
	Service mesh.ServiceName // "" is any
}

// HistoryQuery chooses changes of the configuration, newest first. Its zero value asks
// for the newest there are.
type HistoryQuery struct {
	Below                 uint64 // only changes with a smaller number; 0 is any
	Limit                 int    // 0 is the server's default
	Kind, Namespace, Name string // of a resource that changed; "" is any
}

// TokenRequest asks for a join token.
type TokenRequest struct {
	TTL       time.Duration `json:"ttl"`       // 0 is 24 h
	Uses      int           `json:"uses"`      // 0 is as many as come
	Service   string        `json:"service"`   // pattern: "shop-*"; "" is any
	Namespace string        `json:"namespace"` // pattern; "" is any but mesh.SystemNamespace
	By        string        `json:"by"`
}

// RotateRequest asks for one step of a rotation of the CA.
type RotateRequest struct {
	Force   bool   `json:"force"`   // whoever lags
	Abandon bool   `json:"abandon"` // back to where it began
	By      string `json:"by"`
}

// RevokeRequest takes certificates back: What is a serial number in hex, or a SPIFFE id.
type RevokeRequest struct {
	What   string `json:"what"`
	Reason string `json:"reason"`
	By     string `json:"by"`
}

// Error is the control plane's answer to what it did not do.
type Error struct {
	Status   int            `json:"status"` // of HTTP
	Title    string         `json:"title"`
	Detail   string         `json:"detail"` // what is wrong, for a person to read
	Findings []mesh.Finding `json:"findings,omitempty"`
}

// Error is the detail, with each finding on a line of its own.
func (e *Error) Error() string {
	lines := []string{e.Detail}
	if e.Detail == "" {
		lines[0] = fmt.Sprintf("control plane: %d %s", e.Status, e.Title)
	}
	for _, f := range e.Findings {
		if line := f.Resource + ": " + f.Path + ": " + f.Message; !strings.Contains(e.Detail, f.Message) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// Refusal is what is wrong with a change that was refused, none for another error.
func (e *Error) Refusal() []mesh.Finding { return e.Findings }

// The bodies of requests and answers that are not a word of package mesh.
type (
	applied struct {
		Findings []mesh.Finding `json:"findings"`
	}
	actor struct {
		By string `json:"by"`
	}
	setTraffic struct {
		Weights map[mesh.Version]uint32 `json:"weights"`
		By      string                  `json:"by"`
	}
	trip struct {
		Target mesh.Target `json:"target"`
		Reason string      `json:"reason"`
		By     string      `json:"by"`
	}
	token struct {
		Token string `json:"token"`
	}
)

// duty is what one of several does, and who.
type duty struct {
	Holder string `json:"holder"`
	Held   bool   `json:"held"` // by that holder
}
