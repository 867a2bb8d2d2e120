package clickhouse

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/filter"
	"github.com/sightline-mesh/sightline/collector/signal"
)

func TestBackCoversTheWindowOnce(t *testing.T) {
	end := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, length := range []time.Duration{0, time.Second, time.Minute, time.Hour, 30 * time.Hour, retention, 50 * 365 * 24 * time.Hour} {
		next, looks := end, 0
		for w := range back(signal.Window{Start: end.Add(-length), End: end}) {
			if !w.End.Equal(next) || !w.Start.Before(w.End) {
				t.Fatalf("%v: window %v to %v; want one that ends at %v", length, w.Start, w.End, next)
			}
			next = w.Start
			if looks++; looks > 6 {
				t.Fatalf("%v: still looking after %d windows", length, looks)
			}
		}
		if !next.Equal(end.Add(-length)) {
			t.Errorf("%v: looked back to %v only", length, next)
		}
	}
}

func TestBadQueries(t *testing.T) {
	for name, q := range map[string]signal.TraceQuery{
		"status word": {Status: "bad"},
		"negative":    {Status: "-1"},
		"status huge": {Status: "70000"},
		"cursor":      {Cursor: "%%%"},
		"short id":    {Cursor: cursor{before: 1, id: "ab"}.String()},
		"filter":      {Filter: "service ="},
		"no duration": {Filter: "duration > 5"},
		"no word":     {Filter: "kind = cart"},
		"no number":   {Filter: "code = many"},
		"no order":    {Filter: "status > error"},
		"no id":       {Filter: "trace_id = xyz"},
		"no length":   {Filter: "customer > 5s"},
	} {
		if _, err := new(Store).SearchTraces(t.Context(), q); !errors.Is(err, ErrBadQuery) {
			t.Errorf("%s: %v, want ErrBadQuery", name, err)
		}
	}
	for text, want := range map[string]int{"a = 1 b": 6, "code = 1 AND duration > 5": 13, "a > 5s": 0} {
		_, err := new(Store).SearchTraces(t.Context(), signal.TraceQuery{Filter: text})
		if at, ok := errors.AsType[*filter.Error](err); !ok || at.Pos != want {
			t.Errorf("%s: %v, want an error at %d", text, err, want)
		}
	}
	for _, id := range []string{"", "xyz", strings.Repeat("a", 33)} {
		if _, err := traceID(id); !errors.Is(err, ErrBadQuery) {
			t.Errorf("trace id %q: %v, want ErrBadQuery", id, err)
		}
	}
	got, err := traceID("ABCDEF")
	if want := strings.Repeat("0", 26) + "abcdef"; got != want || err != nil {
		t.Errorf("short trace id: %q, %v; want %q", got, err, want)
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(cursor{before: 1_700_000_000_000_000_000, id: strings.Repeat("ab", 16)}.String())
	f.Add("")
	f.Add("MTIz")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseCursor(s)
		if err != nil {
			return
		}
		again, err := parseCursor(c.String())
		if err != nil || again != c {
			t.Errorf("%q is %+v, but written and read again %+v, %v", s, c, again, err)
		}
	})
}

func TestFingerprint(t *testing.T) {
	a := Fingerprint("up", map[string]string{"job": "x", "instance": "y"})
	if b := Fingerprint("up", map[string]string{"instance": "y", "job": "x"}); a != b {
		t.Error("the order of labels changes the fingerprint")
	}
	different := map[uint64]string{a: "first"}
	for name, f := range map[string]uint64{
		"other metric":  Fingerprint("down", map[string]string{"job": "x", "instance": "y"}),
		"shifted":       Fingerprint("up", map[string]string{"job": "xinstance", "": "y"}),
		"swapped":       Fingerprint("up", map[string]string{"job": "y", "instance": "x"}),
		"without label": Fingerprint("up", nil),
	} {
		if other, ok := different[f]; ok {
			t.Errorf("%s has the fingerprint of %s", name, other)
		}
		different[f] = name
	}
}

func TestNumbersAndHopsComeBack(t *testing.T) {
	got := attributeMaps{
		strings: map[string]string{"k": "own"}, resource: map[string]string{"k": "resource", "r": "x"},
		numbers: map[string]float64{"whole": 3, "part": 0.5, "huge": 1e300}, bools: map[string]bool{"b": false},
	}.merge()
	Hop{Peer: "cart", Status: 503, GRPCStatus: 0}.restore(got)
	want := map[string]any{
		"k": "own", "r": "x", "whole": int64(3), "part": 0.5, "huge": 1e300, "b": false,
		signal.KeyPeer: "cart", signal.KeyStatus: int64(503), signal.KeyGRPCStatus: int64(0),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
}
