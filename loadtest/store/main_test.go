package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/store/storetest"
	"github.com/sightline-mesh/sightline/loadtest/backend"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// TestMain lets the test's program play the engine and the collector.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == backend.Engine || os.Args[1] == backend.Collector) {
		proc.Main("store", run)
		return
	}
	os.Exit(m.Run())
}

// TestEverySpanIsStoredAndFound in a small store; how fast is for a machine of its own to
// say.
func TestEverySpanIsStoredAndFound(t *testing.T) {
	const traces = 5_500 // the last one below that is rare is found by its attribute
	o := options{dir: t.TempDir(), traces: traces, over: 2 * time.Hour, senders: 2, asks: 2, patience: time.Minute}
	figures := measured(t, o)
	for _, a := range figures.answers {
		if a.rows == 0 {
			t.Errorf("%s: no rows", a.name)
		}
	}
	if figures.intake.spans != traces*spansPerTrace || figures.sizes[0].Rows != traces*spansPerTrace {
		t.Errorf("%+v stored as %+v", figures.intake, figures.sizes)
	}
}

// TestADayOfAMeshIsStoredAndFound, a small one.
func TestADayOfAMeshIsStoredAndFound(t *testing.T) {
	o := options{dir: t.TempDir(), mesh: true, traces: 2_000, asks: 2, patience: time.Minute}
	figures := measured(t, o)
	for _, a := range figures.answers { // so few of them fail that some hours have none
		if a.rows == 0 && !strings.Contains(a.name, "503") && !strings.Contains(a.name, "failed") {
			t.Errorf("%s: no rows", a.name)
		}
	}
	for _, z := range figures.sizes {
		if want := uint64(figures.intake.spans); (z.Name == "spans_by_time" || z.Name == "logs") && z.Rows != want {
			t.Errorf("%s has %d rows, want %d", z.Name, z.Rows, want)
		}
	}
}

// measured measures, and looks whether each question has a plan.
func measured(t *testing.T, o options) *figures {
	t.Helper()
	storetest.NeedEngine(t)
	r, err := start(t.Context(), o, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	figures, err := r.measure(t.Context(), t.Output())
	if err != nil {
		t.Error(err)
	}
	if err := r.Stop(); err != nil {
		t.Error(err)
	}
	if figures == nil {
		t.FailNow()
	}
	for _, a := range figures.answers {
		if len(a.planned) == 0 {
			t.Errorf("%s: no plan", a.name)
		}
	}
	t.Log(figures)
	return figures
}

func TestOptionsAreChecked(t *testing.T) {
	for args, want := range map[string]string{
		"-traces 0":  "at least 1",
		"-over 400h": "is not between an hour and the six whole days that are kept",
	} {
		if _, err := parse(strings.Fields(args), t.Output()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}
