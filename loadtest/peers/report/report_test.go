package report

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/loadtest/peers/drive"
	"github.com/sightline-mesh/sightline/loadtest/peers/pair"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		of   Figure
		want float64
	}{
		{Figure{5}, 5},
		{Figure{9, 1, 5}, 5},
		{Figure{9, 1, 5, 6}, 5.5},
	} {
		before := append(Figure(nil), c.of...)
		if got := c.of.Median(); got != c.want {
			t.Errorf("median of %v = %v, want %v", c.of, got, c.want)
		}
		if diff := cmp.Diff(before, c.of); diff != "" {
			t.Errorf("the median reorders what it is of: %s", diff)
		}
	}
	if got := Figure(nil).Median(); !math.IsNaN(got) {
		t.Errorf("median of nothing = %v", got)
	}
}

func TestNumbersAreWrittenAsAPersonReadsThem(t *testing.T) {
	for want, v := range map[string]float64{
		"0": 0, "1.23": 1.234, "12.3": 12.34, "123": 123.4, "1,234": 1234.4, "1,234,568": 1234567.8,
		"-5.00": -5, "-1,500": -1500, "-150": -150, "0.01": 0.012, "–": math.NaN(),
	} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
	for want, f := range map[string]Figure{"–": nil, "5.00": {5}, "20.0 (10.0–30.0)": {30, 10, 20}} {
		if got := f.spread(); got != want {
			t.Errorf("spread of %v = %q, want %q", f, got, want)
		}
	}
}

// sample is a cell where all is proportional to scale.
func sample(scale int) Sample {
	l := time.Duration(scale) * time.Microsecond
	return Sample{
		Result: drive.Result{
			Sent: 1000, Answered: 1000, Took: time.Second,
			Latency: drive.Latency{P50: 10 * l, P90: 20 * l, P99: 50 * l, P999: 90 * l},
		},
		Pair: 10 * time.Millisecond * time.Duration(scale), App: 10 * time.Millisecond,
		Generator: 20 * time.Millisecond, Other: 50 * time.Millisecond,
	}
}

// figures is a comparison of three rounds, with made-up values.
func figures() Comparison {
	c := Comparison{
		Setup: Setup{
			Machine: proc.Machine{CPU: "Some CPU", Cores: 2, Memory: 24 << 30, Kernel: "6.1.0"},
			Began:   time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Load: 0.25,
			Command: "loadtest/peers/run.sh", Versions: []string{"sightline-proxy v1", "nginx/1.22.1"},
		},
		Cells:   []Cell{{Name: "open", Says: "Open loop", Rate: 1000}, {Name: "closed", Says: "Closed loop"}, {Name: "none", Says: "Not measured"}},
		Targets: []Target{{Name: Direct}, {Name: "sightline", Program: 17_100_000}, {Name: "nginx", Program: 1_260_000}},
	}
	for n := range 3 {
		direct, ours, theirs := sample(4), sample(10+n), sample(20)
		direct.Pair = 0
		c.Rounds = append(c.Rounds, Round{Target: Direct, Requests: 2000, Cells: map[string]Sample{"open": direct, "closed": direct}})
		if n == 2 {
			ours.Answered, ours.Failures, ours.Unsent = 990, map[string]int{"status 503": 10}, 2
		}
		at := func(mib int64) *proc.Memory { return &proc.Memory{RSS: mib << 20, PSS: mib << 19} }
		c.Rounds = append(c.Rounds, Round{
			Target: "sightline", Requests: 2001, Cells: map[string]Sample{"open": ours, "closed": ours},
			Idle: at(30), Loaded: at(60), Held: at(70 + int64(n)),
			Account: pair.Account{Rows: 4002, Spans: 3999, RED: 12, Dropped: map[string]uint64{"traces: buffer full": 3, "logs: refused": 0}},
		})
		c.Rounds = append(c.Rounds, Round{
			Target: "nginx", Requests: 2001, Cells: map[string]Sample{"open": theirs, "closed": theirs},
			Idle: at(10), Loaded: at(20), Account: pair.Account{Rows: 4002},
		})
	}
	return c
}

var update = flag.Bool("update", false, "write the golden file anew")

func TestMarkdown(t *testing.T) {
	got := figures().Markdown()
	path := filepath.Join("testdata", "report.md")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

func TestDirectAloneNeedsNoPair(t *testing.T) {
	c := figures()
	c.Targets = c.Targets[:1]
	c.Cells = nil
	c.Rounds = c.Rounds[:1]
	if diff := cmp.Diff("2026-01-02 · 2 × Some CPU · 24.0 GiB · Linux 6.1.0 · sightline-proxy v1 · nginx/1.22.1\n\n"+
		"`loadtest/peers/run.sh` · rounds: 1, targets in turn · load average 0.25 before\n", c.Markdown()); diff != "" {
		t.Error(diff)
	}
}
