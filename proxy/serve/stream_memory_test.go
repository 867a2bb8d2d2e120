//go:build !race

package serve

import (
	"flag"
	"fmt"
	"io"
	"net"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// The race detector makes pools forget, so that buffers are allocated again and again.

var mebibytes = flag.Int("stream-mib", 1024, "how much TestAStreamNeedsNoMemory carries; a tenth with -short")

// However much is carried, memory is what one buffer each way takes.
func TestAStreamNeedsNoMemory(t *testing.T) {
	total := int64(*mebibytes) << 20
	if testing.Short() {
		total /= 10
	}
	m := newMesh(t, meshConfig{}, tcpApp(func(c *net.TCPConn) {
		n, _ := io.Copy(io.Discard, c)
		fmt.Fprint(c, n)
	}))
	c := dialTCP(t, m.fixed(t, Port{Service: "reviews", Protocol: mesh.TCP}))
	must(t, c.SetDeadline(time.Now().Add(time.Hour)))
	chunk := make([]byte, 1<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for left := total; left > 0; left -= int64(len(chunk)) {
		if _, err := c.Write(chunk[:min(left, int64(len(chunk)))]); err != nil {
			t.Fatal(err)
		}
	}
	must(t, c.CloseWrite())
	got, err := io.ReadAll(c)
	runtime.ReadMemStats(&after)
	if string(got) != strconv.FormatInt(total, 10) || err != nil {
		t.Errorf("the app read %s of %d bytes, %v", got, total, err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 32<<20 {
		t.Errorf("%d MiB were allocated for %d MiB carried", grown>>20, total>>20)
	}
	t.Logf("%d KiB allocated for %d MiB", (after.TotalAlloc-before.TotalAlloc)>>10, total>>20)
}
