package serve

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/proxy/emit"
)

var (
	endurance = flag.Duration("endurance", time.Second, "how long TestConnectionsThatComeAndGoLeaveNothing lasts")
	distinct  = flag.Int("distinct", 3000, "how many different requests TestDifferentRequestsTakeBoundedMemory sends")
)

// usage is what a process holds.
type usage struct {
	goroutines, descriptors int
	bytes                   uint64 // heap and stacks in use
}

func used(t testing.TB) (u usage) {
	t.Helper()
	for range 2 { // pools let go of what they keep after the second
		runtime.GC()
	}
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return usage{runtime.NumGoroutine(), len(fds), m.HeapInuse + m.StackInuse}
}

// settles waits until no more goroutines and descriptors are held than before.
func settles(t testing.TB, before usage) (u usage) {
	t.Helper()
	for range 100 {
		if u = used(t); u.goroutines <= before.goroutines && u.descriptors <= before.descriptors {
			return u
		}
		<-time.After(20 * time.Millisecond)
	}
	return u
}

// 1,000 connections a second, each with a request or with half of one, for as long as
// -endurance says.
func TestConnectionsThatComeAndGoLeaveNothing(t *testing.T) {
	m := newMesh(t, meshConfig{}, benchApp)
	m.tell(silent{})
	pacer := time.NewTicker(time.Millisecond)
	defer pacer.Stop()
	lives := []func(c net.Conn){
		func(c net.Conn) {
			send(t, c, "POST / HTTP/1.1\r\nHost: reviews\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
			if got, err := io.ReadAll(c); err != nil || len(got) == 0 {
				t.Errorf("got %q, %v", got, err)
			}
		},
		func(c net.Conn) { send(t, c, "POST / HTTP/1.1\r\nHost: rev") },
		func(c net.Conn) { send(t, c, "POST / HTTP/1.1\r\nHost: reviews\r\nContent-Length: 2\r\n\r\n") },
		func(net.Conn) {},
		func(c net.Conn) {
			send(t, c, "POST / HTTP/1.1\r\nHost: nobody\r\nContent-Length: 2\r\n\r\nhi")
			if res, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
				res.Body.Close()
			}
		},
	}
	live := func(n int) {
		c, err := net.Dial("tcp", m.addr)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		lives[n%len(lives)](c)
	}
	for n := range lives {
		live(n)
	}
	<-time.After(200 * time.Millisecond) // for the handlers of those that were cut off
	before := used(t)
	var all sync.WaitGroup
	n := 0
	for began := time.Now(); time.Since(began) < *endurance; n++ {
		<-pacer.C
		life := n
		all.Go(func() { live(life) })
	}
	all.Wait()
	after := settles(t, before)
	t.Logf("%d connections: before %+v, after %+v", n, before, after)
	// What stays are connections to instances, up to the number that were used at once.
	kept := m.out.links.open() + m.sidecars[0].in.apps[0].h1.Open()
	if after.goroutines > before.goroutines+4*kept || after.descriptors > before.descriptors+4*kept || after.bytes > before.bytes+16<<20 {
		t.Errorf("before %+v, after %d connections %+v with %d kept", before, n, after, kept)
	}
}

// open is how many connections there are to all instances.
func (ls *links[K]) open() (n int) {
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	for _, l := range ls.all {
		n += l.h1.Open()
	}
	return n
}

// Whatever clients make up, a sidecar remembers a bounded number of it.
func TestDifferentRequestsTakeBoundedMemory(t *testing.T) {
	m := newMesh(t, meshConfig{}, benchApp)
	e := emit.New(emit.Config{Service: "productpage", Collector: "http://127.0.0.1:9", Grace: time.Millisecond}, emit.Deps{})
	m.tell(e)
	c := m.connect(t)
	must(t, c.SetDeadline(time.Time{}))
	in := bufio.NewReader(c)
	ask := func(from, to int) {
		for n := from; n < to; n++ {
			host := "reviews"
			if n%2 == 1 {
				host = fmt.Sprintf("made-up-%d.ns-%d", n, n%977)
			}
			fmt.Fprintf(c, "M%d /%d?%x HTTP/1.1\r\nHost: %s\r\nUser-Agent: agent-%d\r\nX-%d: %d\r\nContent-Length: 2\r\n\r\nhi", n, n, n*7919, host, n, n, n)
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			discard(res.Body)
			res.Body.Close()
		}
	}
	ask(0, *distinct/2)
	half := used(t)
	ask(*distinct/2, *distinct)
	whole := used(t)
	stats := e.Stats()
	t.Logf("%d different requests: %d KiB after half of them, %d KiB after all; %d label sets, dropped %v",
		*distinct, half.bytes>>10, whole.bytes>>10, stats.LabelSets, stats.Logs.Dropped)
	if m.out.hosts.size() > maxHosts || stats.LabelSets > 1100 || whole.bytes > half.bytes+16<<20 {
		t.Errorf("%d hosts, %d label sets, %+v and then %+v", m.out.hosts.size(), stats.LabelSets, half, whole)
	}
	if *distinct > 20_000 && stats.Logs.Dropped[emit.DroppedBufferFull] == 0 {
		t.Errorf("nothing is said to be dropped: %+v", stats.Logs)
	}
	run(t, e.Run)() // counts those that wait in the buffer
	stats = e.Stats()
	// Each made-up host is a label set of its own, of which there may be a thousand with
	// the few of the service.
	if over := uint64(max(*distinct/2-1000, 0)); stats.LabelOverflow < over || stats.LabelOverflow > over+10 || stats.LabelSets > 1100 {
		t.Errorf("%d label sets and %d requests beyond them, want %d", stats.LabelSets, stats.LabelOverflow, over)
	}
}

func (h *hosts) size() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.known)
}
