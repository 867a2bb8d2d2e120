package emit

import (
	"bytes"
	"testing"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// A stream has no status: what counts is whether its server's side failed it.
func TestStreamsAreJudgedByTheirFlags(t *testing.T) {
	for flags, want := range map[string]bool{"": false, "DC": false, "SI": false, "LR": false, "UF": true, "UC": true, "UF,URX": true, "NR": true} {
		r := &Record{Protocol: signal.TCP, Flags: flags, GRPCStatus: -1, ClosedBy: "server"}
		c := new(chunk)
		c.add(r)
		if got := c.rows[0].bad; got != want {
			t.Errorf("flags %q: failed %v", flags, got)
		}
		l := labelsOf(r)
		if l.method != "" {
			t.Errorf("method %q of a stream", l.method)
		}
		over := l.overflow()
		if got := signal.FailedHop(over.protocol, int(over.status), int(over.grpc), over.flags); got != want {
			t.Errorf("flags %q: the overflow row of status %d counts as failed: %v", flags, over.status, got)
		}
		row := newEncoder(Config{Service: "web"}).chunk(encoded{}, c, newRedWindow(10)).logs
		if !bytes.Contains(row, []byte(signal.KeyClosedBy)) {
			t.Error("the row does not say who closed")
		}
	}
}
