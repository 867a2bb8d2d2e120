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
		proc.Main("loss", run)
		return
	}
	os.Exit(m.Run())
}

// TestNothingIsLostOrTwice is the short form: a minute at a rate that a busy machine can
// take, with a disk that is filled up where it may be mounted.
func TestNothingIsLostOrTwice(t *testing.T) {
	if os.Getenv("SIGHTLINE_E2E") == "" {
		t.Skip("SIGHTLINE_E2E is not set: run `make test`")
	}
	storetest.NeedEngine(t)
	o := options{
		dir: t.TempDir(), rate: 1000, length: time.Minute, batch: 100, senders: 2, kills: 6 * time.Second,
		full: 5 * time.Second, seed: uint64(time.Now().UnixNano()), patience: 5 * time.Minute,
	}
	if os.Geteuid() == 0 {
		o.disk = 1024
	}
	r, err := try(t.Context(), o, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", r)
	if err := r.verdict(); err != nil {
		t.Error(err)
	}
}

func TestVerdict(t *testing.T) {
	o := options{batch: 10}
	whole := found{rows: 10, spans: 10}
	for name, c := range map[string]struct {
		outcome     outcome
		in, indexed found
		dropped     uint64
		want        string // part of the verdict; "" is none
	}{
		"stored":                   {outcome: acknowledged, in: whole, indexed: whole},
		"lost":                     {outcome: acknowledged, want: "10 acknowledged spans are not stored, and 0 are counted"},
		"dropped and counted":      {outcome: acknowledged, dropped: 10},
		"counted and there":        {outcome: acknowledged, in: whole, indexed: whole, dropped: 10, want: "0 acknowledged spans are not stored, and 10 are counted"},
		"twice":                    {outcome: acknowledged, in: found{20, 10}, indexed: found{rows: 20}, want: "10 spans are stored twice"},
		"unanswered and stored":    {outcome: unanswered, in: whole, indexed: whole},
		"unanswered and not there": {outcome: unanswered},
		"unanswered and half":      {outcome: unanswered, in: found{4, 4}, indexed: found{rows: 4}, want: "4 spans are half of a request"},
		"refused to the end":       {outcome: unsent, want: "10 spans were not taken"},
		"refused and stored":       {outcome: unsent, in: whole, indexed: whole, want: "10 spans are stored that nobody had acknowledged"},
		"not in the view":          {outcome: acknowledged, in: whole, want: "1 requests are counted otherwise"},
	} {
		r := result{options: o, dropped: map[string]uint64{"reason": c.dropped}, named: c.in.rows}
		r.count(c.outcome, c.in, c.indexed)
		err := r.verdict()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	r := result{options: o, named: 3}
	if err := r.verdict(); err == nil {
		t.Error("the operations count 3 spans of none, and nothing is said")
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for args, want := range map[string]string{
		"-rate 0":             "at least 1",
		"-for 1ms":            "too short for one request",
		"-kills 1ms":          "want a second at least",
		"-disk 5":             "want 0 or at least",
		"-for 10s -full 6s":   "more than half",
		"-for 10s -seed -1":   "invalid value",
		"-for 10s -batch -10": "at least 1",
	} {
		if _, err := parse(strings.Fields(args), t.Output()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}
