package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// row is one run of a scenario.
type row struct {
	scenario string
	round    int
	tally
}

// lost is how many requests failed that must not.
func lost(rows []row) (n uint64) {
	for _, r := range rows {
		n += r.failed + r.skipped
	}
	return n
}

// table prints the runs of each scenario added up.
func table(rows []row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %-22s | %4s | %8s | %6s | %7s | %7s | %8s | %8s | %8s |\n",
		"scenario", "runs", "requests", "failed", "allowed", "skipped", "p50 ms", "p99 ms", "seconds")
	b.WriteString("|" + strings.Repeat("---|", 9) + "\n")
	for _, s := range scenarios {
		sum, runs := row{}, 0
		for _, r := range rows {
			if r.scenario != s.name {
				continue
			}
			runs++
			sum.sent += r.sent
			sum.failed += r.failed
			sum.allowed += r.allowed
			sum.skipped += r.skipped
			sum.took += r.took
			sum.p50, sum.p99 = max(sum.p50, r.p50), max(sum.p99, r.p99)
		}
		if runs == 0 {
			continue
		}
		fmt.Fprintf(&b, "| %-22s | %4d | %8d | %6d | %7d | %7d | %8.1f | %8.1f | %8.0f |\n",
			s.name, runs, sum.sent, sum.failed, sum.allowed, sum.skipped, sum.p50, sum.p99, sum.took.Seconds())
	}
	return b.String()
}

// line is one run, said as soon as it has ended, with the reasons of all failures.
func (r row) line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, run %d: %d requests in %s, %d failed, %d allowed to", r.scenario, r.round, r.sent, r.took.Round(time.Second), r.failed, r.allowed)
	for _, reason := range slices.Sorted(maps.Keys(r.reasons)) {
		fmt.Fprintf(&b, "\n  %d times %s", r.reasons[reason], reason)
	}
	return b.String()
}
