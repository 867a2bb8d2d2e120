package tap

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func reviews(version string) mesh.Tap {
	return mesh.Tap{Target: mesh.Target{Service: "reviews", Version: mesh.Version(version)}}
}

func open(t *testing.T, b *Board, asked mesh.Tap) *Tap {
	t.Helper()
	tap, err := b.Open(asked)
	if err != nil {
		t.Fatal(err)
	}
	return tap
}

func TestRowsGoToWhoAskedForThem(t *testing.T) {
	var asked []mesh.Tap
	b := New(func(all []mesh.Tap) { asked = all })
	v1, all := open(t, b, reviews("v1")), open(t, b, reviews(""))
	if len(asked) != 2 || asked[0].PerSecond != mesh.DefaultTapRate {
		t.Fatalf("asked for %+v", asked)
	}
	ids := []string{v1.asked.ID, all.asked.ID, "99"}
	row := mesh.Tapped{Taps: ids, Service: "forged", Instance: "forged", Request: []mesh.Header{{Name: "a"}}}
	b.Told(mesh.Instance{ID: "reviews-v2-1", Service: "reviews", Version: "v2"}, mesh.TapBatch{
		Requests: []mesh.Tapped{row}, Limited: map[string]uint64{all.asked.ID: 3, v1.asked.ID: 5}, Dropped: 2,
	})
	b.Told(mesh.Instance{ID: "ratings-v1-1", Service: "ratings"}, mesh.TapBatch{Requests: []mesh.Tapped{row}, Dropped: 7})
	got, err := all.Next(t.Context())
	if err != nil || got.Instance != "reviews-v2-1" || got.Service != "reviews" || got.Version != "v2" || got.Request != nil {
		t.Errorf("got %+v, %v; want the certificate's names and no headers that were not asked for", got, err)
	}
	if len(all.rows) != 0 || len(v1.rows) != 0 {
		t.Error("a sidecar that was not asked was heard")
	}
	if limited, dropped := all.Missed(); limited != 3 || dropped != 2 {
		t.Errorf("missed %d, %d", limited, dropped)
	}
	if limited, dropped := v1.Missed(); limited != 0 || dropped != 0 {
		t.Errorf("v1 missed %d, %d of another's", limited, dropped)
	}
	v1.Close()
	all.Close()
	if len(asked) != 0 {
		t.Errorf("asked for %v when nobody looks any more", asked)
	}
}

func TestSlowReaderLosesAndIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(func([]mesh.Tap) {})
		asked := reviews("")
		asked.PerSecond = mesh.MaxTapRate
		slow, few := open(t, b, asked), open(t, b, mesh.Tap{Target: asked.Target, PerSecond: 1})
		rows := make([]mesh.Tapped, 100)
		for i := range rows {
			rows[i].Taps = []string{slow.asked.ID, few.asked.ID}
		}
		for range 30 { // at one moment: a second's allowance is all there is
			b.Told(mesh.Instance{ID: "r", Service: "reviews"}, mesh.TapBatch{Requests: rows})
		}
		if limited, dropped := slow.Missed(); limited != 2000 || dropped != 0 || len(slow.rows) != 1000 {
			t.Errorf("limited %d, dropped %d, waiting %d", limited, dropped, len(slow.rows))
		}
		if limited, _ := few.Missed(); limited != 2999 {
			t.Errorf("limited %d of 3000 at one per second", limited)
		}
		slow.allow = newRate(1 << 20)
		b.Told(mesh.Instance{ID: "r", Service: "reviews"}, mesh.TapBatch{Requests: rows})
		if _, dropped := slow.Missed(); dropped != 1000+100-backlog {
			t.Errorf("dropped %d", dropped)
		}
	})
}

func TestWhatASidecarTellsIsBounded(t *testing.T) {
	b := New(func([]mesh.Tap) {})
	tap := open(t, b, mesh.Tap{Target: reviews("").Target, Headers: true})
	long := strings.Repeat("x", 1<<18)
	fields := func(n int) []mesh.Header { return slices.Repeat([]mesh.Header{{Name: long, Value: long}}, n) }
	ids := slices.Repeat([]string{"99"}, 1<<15)
	ids[0] = tap.asked.ID
	for name, row := range map[string]mesh.Tapped{
		"texts": {
			Direction: long, Peer: long, PeerVersion: long, PeerInstance: long, PeerIdentity: long, Method: long, Path: long, Authority: long,
			Protocol: long, Route: long, Flags: long, Reason: long, RequestID: long, TraceID: long,
		},
		"fields":       {Request: fields(3), Response: fields(1000)},
		"small fields": {Request: slices.Repeat([]mesh.Header{{Name: "a"}}, 1<<15)},
		"taps":         {},
		"time":         {Time: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		row.Taps = ids
		b.Told(mesh.Instance{ID: "r", Service: "reviews"}, mesh.TapBatch{Requests: []mesh.Tapped{row}})
		got, err := tap.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		line, err := json.Marshal(got)
		if err != nil || len(line) > 32<<10 || got.Taps != nil || cap(got.Request) > mesh.MaxTapFields {
			t.Errorf("%s: %d bytes wait for a reader, %d taps, %d fields; %v", name, len(line), len(got.Taps), cap(got.Request), err)
		}
	}
}

func TestTapsAreBoundedAndChecked(t *testing.T) {
	b := New(func([]mesh.Tap) {})
	for name, bad := range map[string]mesh.Tap{
		"nobody's":    {},
		"direction":   {Target: reviews("").Target, Direction: "in"},
		"status":      {Target: reviews("").Target, Status: "5x"},
		"no status":   {Target: reviews("").Target, Status: "099"},
		"status text": {Target: reviews("").Target, Status: "bad"},
		"path":        {Target: reviews("").Target, Path: "x"},
		"rate":        {Target: reviews("").Target, PerSecond: mesh.MaxTapRate + 1},
	} {
		if _, err := b.Open(bad); !errors.Is(err, ErrBadTap) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range most {
		open(t, b, reviews(""))
	}
	if _, err := b.Open(reviews("")); !errors.Is(err, ErrTooMany) {
		t.Errorf("one too many: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tap := range b.taps {
		if _, err := tap.Next(ctx); err == nil {
			t.Error("a row came from nowhere")
		}
	}
}
