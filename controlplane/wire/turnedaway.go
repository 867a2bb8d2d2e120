package wire

import (
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// mostFrom is how much of an address is taken: a sidecar may say anything.
const mostFrom = 64

// ToTurnedAway is what a sidecar has just said of the connections that it did not take. The
// time of the last is by the clock of who hears it.
func ToTurnedAway(m *TurnedAway, now time.Time) mesh.TurnedAway {
	from := m.GetFrom()
	if len(from) > mostFrom {
		from = strings.ToValidUTF8(from[:mostFrom], "")
	}
	return mesh.TurnedAway{Plaintext: m.GetPlaintext(), From: from, Last: now.Add(-max(m.GetAgo().AsDuration(), 0)).UTC()}
}
