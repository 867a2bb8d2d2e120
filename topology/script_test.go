package topology

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/topology/anomaly"
)

// TestScripts plays testdata/*.txt. A script has three sorts of lines:
//
//	edges 5s  web:v1→pay:v2/pay-a 20rps 50% UT; …   that traffic for that long, looked at every second
//	fill  1s  …                                     rows that come late, for the last seconds of the edges before
//	expect …                                        of the looks at the last edges:
//	       pay:v2          guilty at the last one
//	       pay:v2 by 2s    guilty at one of the first two
//	       no pay:v2       guilty at none
//	       sibling pay:v1  reported without an anomaly at the last one
//	       nothing         nothing at all at the last one
//
// A destination without a version means that no instance was reached. Numbers are
// exact: 7rps 50% is 3 failures in one second and 4 in the next.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			file, err := os.Open(f)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			p := newPlayer(t)
			n := 0
			for lines := bufio.NewScanner(file); lines.Scan(); {
				n++
				p.where = fmt.Sprintf("%s:%d", f, n)
				p.line(lines.Text())
			}
		})
	}
}

type player struct {
	t        *testing.T
	where    string
	now      time.Time
	observer *observer
	rest     map[string]float64 // failures not yet due, by edge
	looks    [][]mesh.Observation
	rows     map[time.Time][]signal.Edge
}

func newPlayer(t *testing.T) *player {
	return &player{
		t: t, now: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC), rest: map[string]float64{},
		observer: newObserver(anomaly.Default(), 10*time.Minute), rows: map[time.Time][]signal.Edge{},
	}
}

func (p *player) line(text string) {
	text, _, _ = strings.Cut(text, "#")
	words := strings.Fields(text)
	if len(words) == 0 {
		return
	}
	switch words[0] {
	case "edges":
		p.looks = nil
		for range p.seconds(words[1]) {
			p.put(p.now, p.edges(words[2:]))
			p.now = p.now.Add(time.Second)
			seen, _ := p.observer.look(p.now.Add(500*time.Millisecond), nil)
			p.looks = append(p.looks, seen)
		}
	case "fill":
		n := p.seconds(words[1])
		for i := range n {
			p.put(p.now.Add(time.Duration(i-n)*time.Second), p.edges(words[2:]))
		}
	case "expect":
		p.expect(words[1:])
	default:
		p.t.Fatalf("%s: unknown line %q", p.where, words[0])
	}
}

func (p *player) put(at time.Time, edges []signal.Edge) {
	p.rows[at] = append(p.rows[at], edges...)
	p.observer.put(anomaly.Read(at, p.rows[at]))
}

func (p *player) seconds(word string) int {
	d, err := time.ParseDuration(word)
	if err != nil {
		p.t.Fatalf("%s: %v", p.where, err)
	}
	return int(d / time.Second)
}

// edges reads one second of "web→pay:v2 20rps 50% UT; …".
func (p *player) edges(words []string) []signal.Edge {
	var out []signal.Edge
	for text := range strings.SplitSeq(strings.Join(words, " "), ";") {
		parts := strings.Fields(text)
		from, to, ok := strings.Cut(parts[0], "→")
		if !ok || len(parts) < 2 {
			p.t.Fatalf("%s: %q is not an edge", p.where, text)
		}
		source, destination := target(from), target(to)
		if source.Version == "" {
			source.Version = "v1"
		}
		if destination.Version != "" && destination.Instance == "" {
			destination.Instance = mesh.InstanceID(string(destination.Service) + "-" + string(destination.Version) + "-1")
		}
		e := signal.Edge{
			Source: string(source.Service), SourceVersion: string(source.Version), Destination: string(destination.Service),
			DestinationVersion: string(destination.Version), Instance: string(destination.Instance),
			Requests: uint64(p.number(parts[1], "rps")),
		}
		if len(parts) > 2 {
			p.rest[parts[0]] += float64(e.Requests) * p.number(parts[2], "%") / 100
			e.Failed = uint64(p.rest[parts[0]])
			p.rest[parts[0]] -= float64(e.Failed)
		}
		if len(parts) > 3 {
			e.Flags = map[string]uint64{parts[3]: e.Failed}
		}
		out = append(out, e)
	}
	return out
}

func (p *player) number(word, unit string) float64 {
	n, err := strconv.ParseFloat(strings.TrimSuffix(word, unit), 64)
	if err != nil || !strings.HasSuffix(word, unit) {
		p.t.Fatalf("%s: %q is not a number of %s", p.where, word, unit)
	}
	return n
}

func target(word string) mesh.Target {
	service, rest, _ := strings.Cut(word, ":")
	version, instance, _ := strings.Cut(rest, "/")
	return mesh.Target{Service: mesh.ServiceName(service), Version: mesh.Version(version), Instance: mesh.InstanceID(instance)}
}

func (p *player) expect(words []string) {
	is := func(guilty bool, word string) func(mesh.Observation) bool {
		return func(o mesh.Observation) bool { return o.Target == target(word) && (o.Anomaly != nil) == guilty }
	}
	last := p.looks[len(p.looks)-1]
	ok := false
	switch {
	case words[0] == "nothing":
		ok = len(last) == 0
	case words[0] == "no":
		ok = !slices.ContainsFunc(slices.Concat(p.looks...), is(true, words[1]))
	case words[0] == "sibling":
		ok = slices.ContainsFunc(last, is(false, words[1]))
	case len(words) == 3 && words[1] == "by":
		ok = slices.ContainsFunc(slices.Concat(p.looks[:p.seconds(words[2])]...), is(true, words[0]))
	default:
		ok = slices.ContainsFunc(last, is(true, words[0]))
	}
	if !ok {
		p.t.Errorf("%s: expected %s; seen at the last look:%s", p.where, strings.Join(words, " "), list(last))
	}
}

func list(seen []mesh.Observation) string {
	out := " nothing"
	for i, o := range seen {
		if i == 0 {
			out = ""
		}
		out += fmt.Sprintf("\n\t%s %d/%d", o.Target, o.Failed, o.Requests)
		if o.Anomaly != nil {
			out += ": " + o.Anomaly.Detail
		}
	}
	return out
}
