package dns

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// zone answers from a map, and counts what it is asked.
type zone struct {
	mu      sync.Mutex
	answers map[string]Answer // by "A name"
	bad     map[string]error
	asked   map[string]int
}

func newZone() *zone {
	return &zone{answers: map[string]Answer{}, bad: map[string]error{}, asked: map[string]int{}}
}

func (z *zone) Resolve(_ context.Context, name string, kind Kind) (Answer, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	key := kind.String() + " " + name
	z.asked[key]++
	return z.answers[key], z.bad[key]
}

func (z *zone) has(key string, life time.Duration, addresses ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	a := Answer{Life: life}
	for _, one := range addresses {
		a.Addresses = append(a.Addresses, netip.MustParseAddr(one))
	}
	z.answers[key], z.bad[key] = a, nil
}

func (z *zone) fails(key string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.bad[key] = errors.New("servfail")
}

func (z *zone) count(key string) int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.asked[key]
}

// heard is what a source says, newest only.
type heard struct {
	mu      sync.Mutex
	all     []mesh.Instance
	trouble string
	told    int
}

func (h *heard) Replace(all []mesh.Instance) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = all
	h.told++
}

func (h *heard) Trouble(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.trouble = ""; err != nil {
		h.trouble = err.Error()
	}
}

func (h *heard) now() (addresses, trouble string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, i := range h.all {
		out = append(out, i.Address.String())
	}
	slices.Sort(out)
	return strings.Join(out, " "), h.trouble
}

// desk is a source at work.
type desk struct {
	*testing.T

	zone    *zone
	heard   *heard
	changed chan struct{}

	mu       sync.Mutex
	manifest string
	known    []mesh.Instance
}

func (d *desk) start() {
	d.zone, d.heard, d.changed = newZone(), &heard{}, make(chan struct{}, 1)
}

func (d *desk) run(resolver Resolver) (stop func()) {
	s := New(Deps{
		Resolver: resolver, Changed: d.changed, Logger: slog.New(slog.DiscardHandler),
		Known: func(context.Context) ([]mesh.Instance, error) { return d.known, nil },
		Lookups: func(context.Context) ([]config.Lookup, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			objects, err := config.Parse([]byte(d.manifest))
			return config.Lookups(objects, "mesh.local"), err
		},
	})
	ctx, cancel := context.WithCancel(d.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, d.heard) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			d.Error(err)
		}
	}
}

func (d *desk) apply(manifest string) {
	d.mu.Lock()
	d.manifest = manifest
	d.mu.Unlock()
	d.changed <- struct{}{}
}

// after looks at what is said when so much time has passed.
func (d *desk) after(passed time.Duration, when, addresses, trouble string) {
	d.Helper()
	time.Sleep(passed)
	synctest.Wait()
	got, why := d.heard.now()
	if got != addresses || !strings.Contains(why, trouble) || trouble == "" && why != "" {
		d.Errorf("%s: %q, trouble %q; want %q, %q", when, got, why, addresses, trouble)
	}
}

func entry(host, resolution, more string) string {
	return "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: " + strings.ReplaceAll(host, ".", "-") + "}\nspec: {hosts: [" + host + "], resolution: " + resolution +
		", ports: [{number: 443, name: tls, protocol: TLS}]" + more + "}\n---\n"
}

// TestLifeOfAName: it is asked for again when its answer's life is over, keeps what it
// had while it cannot be asked for, and is believed to have nothing when it says so twice.
func TestLifeOfAName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{T: t, manifest: entry("api.example.com", "DNS", "")}
		d.start()
		d.zone.has("A api.example.com", time.Minute, "192.0.2.1", "192.0.2.2")
		defer d.run(d.zone)()
		d.after(time.Millisecond, "first", "192.0.2.1:443 192.0.2.2:443", "")
		d.zone.has("A api.example.com", time.Minute, "192.0.2.3")
		d.after(59*time.Second, "before the life is over", "192.0.2.1:443 192.0.2.2:443", "")
		d.after(time.Second, "when it is over", "192.0.2.3:443", "")
		d.zone.fails("A api.example.com")
		d.after(time.Minute, "it fails", "192.0.2.3:443", "servfail")
		before := d.zone.count("A api.example.com")
		d.after(time.Hour, "it fails for an hour", "192.0.2.3:443", "servfail")
		if n := d.zone.count("A api.example.com") - before; n < 110 || n > 130 {
			t.Errorf("asked %d times in an hour, want about every 30 s", n)
		}
		d.zone.has("A api.example.com", 0, "192.0.2.4")
		d.after(30*time.Second, "it works again", "192.0.2.4:443", "")
		before = d.zone.count("A api.example.com")
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := d.zone.count("A api.example.com") - before; n != 12 {
			t.Errorf("with a life of 0 it is asked %d times a minute, want 12", n)
		}
		d.zone.has("A api.example.com", 0)
		d.after(5*time.Second, "it has nothing", "192.0.2.4:443", "is asked for once more")
		d.after(5*time.Second, "it has nothing still", "", "api.example.com has no address")
		d.zone.has("A api.example.com", 24*time.Hour, "192.0.2.5")
		d.after(5*time.Second, "it has something", "192.0.2.5:443", "")
		d.zone.has("A api.example.com", 24*time.Hour, "192.0.2.6")
		d.after(5*time.Minute, "a life of a day is cut", "192.0.2.6:443", "")
	})
}

func TestKindsOfRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{T: t}
		d.start()
		d.zone.has("AAAA six.example.com", time.Minute, "2001:db8::1")
		d.zone.has("A both.example.com", time.Minute, "192.0.2.1")
		d.zone.has("AAAA both.example.com", time.Minute, "2001:db8::2")
		d.zone.has("A s1.example.com", time.Minute, "192.0.2.7")
		d.zone.has("A s2.example.com", time.Minute, "192.0.2.8")
		d.zone.answers["SRV _pg._tcp.example.com"] = Answer{Life: time.Hour, Servers: []Server{{10, "s1.example.com", 5432}, {10, "s1.example.com", 5433}, {20, "s2.example.com", 5432}}}
		d.manifest = entry("six.example.com", "DNS", "") + entry("both.example.com", "DNS", "") + entry("db", "DNS", ", endpoints: [{address: _pg._tcp.example.com}, {address: 10.0.0.1}]")
		defer d.run(d.zone)()
		d.after(time.Millisecond, "all", "192.0.2.1:443 192.0.2.7:5432 192.0.2.7:5433 [2001:db8::1]:443", "")
		d.zone.has("A s1.example.com", time.Minute, "192.0.2.9")
		d.after(time.Minute, "a server's life is over before its name's", "192.0.2.1:443 192.0.2.9:5432 192.0.2.9:5433 [2001:db8::1]:443", "")
		d.zone.fails("A s1.example.com")
		d.after(time.Minute, "a server cannot be asked for", "192.0.2.1:443 192.0.2.9:5432 192.0.2.9:5433 [2001:db8::1]:443", "servfail")
	})
}

// TestOneOfSeveral: it stays as long as the answer has it, in whatever order.
func TestOneOfSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{T: t, manifest: entry("api.example.com", "DNS_ROUND_ROBIN", "")}
		d.start()
		d.zone.has("A api.example.com", time.Minute, "192.0.2.2", "192.0.2.1")
		defer d.run(d.zone)()
		d.after(time.Millisecond, "first", "192.0.2.2:443", "")
		d.zone.has("A api.example.com", time.Minute, "192.0.2.1", "192.0.2.2")
		d.after(time.Minute, "another order", "192.0.2.2:443", "")
		d.zone.has("A api.example.com", time.Minute, "192.0.2.1", "192.0.2.3")
		d.after(time.Minute, "it is gone", "192.0.2.1:443", "")
	})
}

// TestNamesComeAndGo: one that nobody tells of any more is not asked for, and one that
// fails keeps nothing from others.
func TestNamesComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{T: t}
		d.start()
		d.zone.has("A a.example.com", time.Minute, "192.0.2.1")
		d.zone.has("A b.example.com", time.Minute, "192.0.2.2")
		d.zone.fails("A c.example.com")
		d.manifest = entry("a.example.com", "DNS", "")
		defer d.run(d.zone)()
		d.after(time.Millisecond, "a", "192.0.2.1:443", "")
		d.apply(entry("b.example.com", "DNS", "") + entry("c.example.com", "DNS", ""))
		d.after(time.Millisecond, "b and c", "192.0.2.2:443", "servfail")
		before := d.zone.count("A a.example.com")
		d.apply(entry("b.example.com", "DNS", ""))
		d.after(time.Hour, "b", "192.0.2.2:443", "")
		if n := d.zone.count("A a.example.com"); n != before {
			t.Errorf("a is still asked for, %d times", n-before)
		}
		d.apply("bad")
		d.after(time.Minute, "resources that cannot be read", "192.0.2.2:443", "")
		d.apply(entry("a.example.com", "DNS", ""))
		d.after(time.Minute, "mended", "192.0.2.1:443", "")
	})
}

// TestAnotherLeaderWithoutNameServers goes on with what is registered.
func TestAnotherLeaderWithoutNameServers(t *testing.T) {
	manifest := entry("api.example.com", "DNS", "") + entry("db", "DNS", ", endpoints: [{address: _pg._tcp.example.com}]")
	synctest.Test(t, func(t *testing.T) {
		d := &desk{T: t, manifest: manifest}
		d.start()
		d.zone.has("A api.example.com", time.Minute, "192.0.2.1", "192.0.2.2")
		d.zone.has("A s.example.com", time.Minute, "192.0.2.3")
		d.zone.answers["SRV _pg._tcp.example.com"] = Answer{Life: time.Hour, Servers: []Server{{10, "s.example.com", 5432}}}
		stop := d.run(d.zone)
		d.after(time.Millisecond, "the first", "192.0.2.1:443 192.0.2.2:443 192.0.2.3:5432", "")
		stop()
		for _, i := range d.heard.all {
			i.ID, i.Origin = "dns/"+i.ID, "dns"
			d.known = append(d.known, i)
		}
		d.known = append(d.known, mesh.Instance{ID: "dns/shop/gone/gone.example.com/192.0.2.9:443", Service: "gone.example.com", Address: netip.MustParseAddrPort("192.0.2.9:443")})
		d.start()
		for _, key := range []string{"A api.example.com", "SRV _pg._tcp.example.com"} {
			d.zone.fails(key)
		}
		defer d.run(d.zone)()
		d.after(time.Minute, "the next", "192.0.2.1:443 192.0.2.2:443 192.0.2.3:5432", "servfail")
		if d.heard.told == 0 {
			t.Error("nothing was told")
		}
	})
}

func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{T: t}
		d.start()
		var many []string
		for n := range MaxAddresses + 1 {
			many = append(many, fmt.Sprintf("10.0.%d.%d", n/250, n%250+1))
		}
		d.zone.has("A a.example.com", time.Minute, many...)
		var lookups []config.Lookup
		all := []string{"a.example.com"}
		for n := range MaxNames {
			all = append(all, fmt.Sprintf("n%d.example.com", n))
		}
		for _, name := range all {
			lookups = append(lookups, config.Lookup{Name: name, At: func(a netip.Addr, _ uint16) (mesh.Instance, bool) {
				return mesh.Instance{Address: netip.AddrPortFrom(a, 1)}, true
			}})
		}
		s := New(Deps{
			Resolver: d.zone, Logger: slog.New(slog.DiscardHandler),
			Known:   func(context.Context) ([]mesh.Instance, error) { return nil, nil },
			Lookups: func(context.Context) ([]config.Lookup, error) { return lookups, nil },
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx, d.heard) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		_, why := d.heard.now()
		if len(d.heard.all) != MaxAddresses || !strings.Contains(why, "there are more than 1000 names: n999.example.com") || !strings.Contains(why, "has 257 addresses; 256 are used") {
			t.Errorf("%d instances, %.200s", len(d.heard.all), why)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
