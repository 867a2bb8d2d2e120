package e2e

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/cmd/sightline/demo"
)

// TestDemoMitigatesAFault is the product in one test: a version goes bad, the mesh
// notices, turns traffic away, and lets it back when it has recovered; nothing else
// is harmed and nothing that was told is lost.
func TestDemoMitigatesAFault(t *testing.T) {
	flags, _ := meshFlags(t, t.TempDir())
	r := start(t, program(t, "sightline"), append(append([]string{"demo"}, flags...),
		"--for", "60s", "--rps", "200", "--fault", "errors@payments:v2,at=20s,for=20s", "--output", "json")...)
	if err := check(r.report(t, 5*time.Minute)); err != nil {
		t.Error(err)
	}
}

// report waits for a headless demo to end and reads what it printed.
func (r *running) report(t *testing.T, limit time.Duration) demo.Report {
	t.Helper()
	select {
	case <-r.ended:
	case <-time.After(limit):
		t.Fatalf("the demo did not end within %s\n%s", limit, r.said())
	}
	if r.err != nil {
		t.Fatalf("demo: %v\n%s", r.err, r.said())
	}
	var got demo.Report
	if err := json.Unmarshal(r.stdout.Bytes(), &got); err != nil {
		t.Fatalf("report: %v\n%s", err, r.stdout.String())
	}
	t.Logf("report:\n%s", r.stdout.String())
	return got
}

func check(r demo.Report) error {
	var bad []error
	expect := func(ok bool, what string) {
		if !ok {
			bad = append(bad, errors.New(what))
		}
	}
	expect(r.Requests > 11_000, "fewer than 11,000 requests in 60 s at 200/s")
	expect(r.Skipped == 0, "requests that were due could not be sent")
	expect(r.FailedBy.Mesh == 0, "requests failed for a reason of the mesh's own")
	expect(r.MTLSShare == 1, "not all requests went over mutual TLS")
	expect(r.Services == 10 && r.Proxies == 14, "want 10 services and 14 sidecars")
	expect(r.Edges >= 14, "want at least 14 edges")
	for name, f := range map[string]demo.Flow{"spans": r.Spans, "access logs": r.Logs} {
		expect(f.Sent > 0 && f.Sent == f.Stored && f.Dropped == 0, name+": sent is not stored")
	}
	expect(r.False == 0, "false trips")
	if len(r.Faults) != 1 {
		return errors.Join(append(bad, errors.New("want one fault in the report"))...)
	}
	f := r.Faults[0]
	expect(f.MitigatedAfter >= 0 && f.MitigatedAfter <= 5, "not mitigated within 5 s")
	expect(f.ReleasedAfter >= -1 && f.ReleasedAfter <= 15 && !f.ReleasedAt.IsZero(), "not released within 15 s of the fault's end")
	return errors.Join(bad...)
}
