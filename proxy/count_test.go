package proxy

import (
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/proxy/emit"
)

type forgetful struct{ emitted, opened int }

func (f *forgetful) Emit(*emit.Record) { f.emitted++ }
func (f *forgetful) Open(*emit.Record) { f.opened++ }

func TestLabelOverflowIsShown(t *testing.T) {
	got := map[string]float64{}
	for _, f := range telemetry(emit.Stats{LabelSets: 1001, LabelOverflow: 7}) {
		if len(f.Samples) == 1 {
			got[f.Name] = f.Samples[0].Value
		}
	}
	if got["sightline_telemetry_label_sets"] != 1001 || got["sightline_telemetry_label_overflow_total"] != 7 {
		t.Errorf("shown: %v", got)
	}
}

func TestRequestsAreCounted(t *testing.T) {
	sink := &forgetful{}
	c := &counted{next: sink}
	for _, r := range []emit.Record{
		{Direction: emit.Outbound, Status: 200},
		{Direction: emit.Outbound, Status: 503, Tries: make([]emit.Try, 3)},
		{Direction: emit.Inbound, Status: 204},
		{Direction: emit.Inbound},              // the client went away
		{Direction: emit.Inbound, Status: 999}, // an app may say anything
	} {
		c.Emit(&r)
	}
	c.Open(&emit.Record{})
	if sink.opened != 1 {
		t.Errorf("%d of 1 opened streams were passed on", sink.opened)
	}
	if sink.emitted != 5 {
		t.Errorf("%d of 5 records were passed on", sink.emitted)
	}
	got := map[string]float64{}
	for _, f := range c.families() {
		for _, s := range f.Samples {
			var labels []string
			for _, l := range s.Labels {
				labels = append(labels, l.Value)
			}
			got[strings.Join(append([]string{f.Name}, labels...), " ")] = s.Value
		}
	}
	for name, want := range map[string]float64{
		"sightline_requests_total outbound 2xx": 1, "sightline_requests_total outbound 5xx": 1,
		"sightline_requests_total inbound 2xx": 1, "sightline_requests_total inbound 0xx": 2,
		"sightline_requests_total inbound 4xx": 0, "sightline_retries_total": 2,
	} {
		if got[name] != want {
			t.Errorf("%s = %v, want %v", name, got[name], want)
		}
	}
}
