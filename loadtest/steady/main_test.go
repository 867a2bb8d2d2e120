package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/store/storetest"
	"github.com/sightline-mesh/sightline/loadtest/backend"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
	"github.com/sightline-mesh/sightline/loadtest/traffic"
)

// TestMain lets the test's program play the engine and the collector.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == backend.Engine || os.Args[1] == backend.Collector) {
		proc.Main("steady", run)
		return
	}
	os.Exit(m.Run())
}

// TestAMeshIsStoredAndAnswered for some seconds: nothing is lost and every question is
// answered. How fast is for a machine of its own to say.
func TestAMeshIsStoredAndAnswered(t *testing.T) {
	storetest.NeedEngine(t)
	o := options{
		dir: t.TempDir(), rate: 500, length: 20 * time.Second, shape: traffic.Shape{Services: 5, Callees: 2},
		every: 200 * time.Millisecond, look: time.Second, patience: 2 * time.Minute,
	}
	figures, err := live(t.Context(), o, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if err := figures.verdict(); err != nil {
		t.Error(err)
	}
	if figures.told.Spans < 1000 || figures.told.Logs < 1000 {
		t.Errorf("told of %d spans and %d requests", figures.told.Spans, figures.told.Logs)
	}
	asked := map[string]bool{}
	for _, a := range figures.asked.took {
		asked[a.question] = true
	}
	if len(asked) != len(figures.asked.questions()) || len(figures.probed.took) == 0 {
		t.Errorf("answered are %v and %d probes", asked, len(figures.probed.took))
	}
	t.Logf("\n%s", figures)
}

func TestOptionsAreChecked(t *testing.T) {
	for args, want := range map[string]string{
		"-rate 3":                    "of one request",
		"-services 1":                "two services",
		"-services 4 -callees 4":     "fewer callees",
		"-every 0s":                  "more than 0",
		"-for 10s -look 2s":          "10 times",
		"-for 1m -every 7s -look 1s": "10 times",
	} {
		if _, err := parse(strings.Fields(args), t.Output()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}
