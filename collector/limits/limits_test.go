package limits

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const example = `
tenant:
  traces: {items: 1000, bytes: 1MiB, burst: 30s}
  metrics: {items: none}
tenants:
  shop:
    traces: {items: 5000}
  claimed/batch:
    logs: {bytes: 64KiB}
caps:
  series: 100
  attributeBytes: none
`

func TestParse(t *testing.T) {
	c, err := Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	c = c.WithDefaults()
	d := Default()
	traces := Rate{Items: 1000, Bytes: 1 << 20, Burst: Duration(30 * time.Second)}
	every := Rates{Traces: traces, Logs: d.Tenant.Logs, Metrics: Rate{Items: None, Bytes: d.Tenant.Metrics.Bytes, Burst: d.Tenant.Metrics.Burst}}
	shop, batch := every, every
	shop.Traces.Items = 5000
	batch.Logs.Bytes = 64 << 10
	want := Config{Tenant: every, Tenants: map[string]Rates{"shop": shop, "claimed/batch": batch}, Caps: d.Caps}
	want.Caps.Series, want.Caps.AttributeBytes = 100, None
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
	if got := c.Of("shop").Traces.Items; got != 5000 {
		t.Errorf("shop may send %d spans", got)
	}
	if got := c.Of("other").Traces.Items; got != 1000 {
		t.Errorf("another may send %d spans", got)
	}
}

func TestDefaultsAreValid(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(Default(), Config{}.WithDefaults()); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	tests := map[string][]string{
		"tenant: {spans: {items: 1}}":                      {"tenant.spans: there is no such field; want one of logs, metrics, traces"},
		"caps: {serie: 4}":                                 {"caps.serie: there is no such field; want one of attributeBytes, "},
		"limit: {}":                                        {"limit: there is no such field; want one of caps, tenant, tenants"},
		"tenant: {traces: 5}":                              {"tenant.traces: 5: want a section with burst, bytes, items"},
		"tenants: [shop]":                                  {"tenants: [shop]: want a section with tenants by their names"},
		"tenant: {traces: {items: 0}}":                     {"tenant.traces.items: 0: want a whole number above 0"},
		"tenant: {traces: {items: -5}}":                    {"tenant.traces.items: -5: want a whole number above 0"},
		"tenant: {traces: {items: 1.5}}":                   {"tenant.traces.items: 1.5: want a whole number above 0"},
		"tenant: {traces: {bytes: 5MB}}":                   {"tenant.traces.bytes: 5MB: want a whole number above 0, also with KiB, MiB or GiB, or none"},
		"tenant: {traces: {bytes: 9999999GiB}}":            {"tenant.traces.bytes: 9999999GiB: want a whole number"},
		"tenant: {traces: {burst: soon}}":                  {"tenant.traces.burst: soon: want a time such as 10s"},
		"tenant: {traces: {burst: 5}}":                     {"tenant.traces.burst: 5: want a time such as 10s"},
		"tenant: {logs: {burst: 10ms}}":                    {"tenant.logs.burst: 10ms: want 1s to 1h0m0s"},
		"tenants: {shop: {metrics: {burst: 5h}}}":          {"tenants.shop.metrics.burst: 5h0m0s: want 1s to 1h0m0s"},
		"tenants: {'': {}}":                                {"tenants: a name is empty; want a namespace"},
		"caps: {attributeBytes: 4}":                        {"caps.attributeBytes: 4 is less than 128"},
		"caps: {series: 4, series: 5}":                     {"series"},
		"{tenant: {logs: {burst: 2h}}, caps: {series: x}}": {"tenant.logs.burst: 2h", "caps.series: x"}, // all at once
	}
	for text, want := range tests {
		_, err := Parse([]byte(text))
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v\nwant %q in it", text, err, w)
			}
		}
	}
	if err := (Config{Caps: Caps{Series: -2}}).Validate(); err == nil || !strings.Contains(err.Error(), "caps.series: -2") {
		t.Errorf("a negative cap: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse(b)
		if err != nil {
			return
		}
		if err := c.WithDefaults().Validate(); err != nil {
			t.Errorf("%q passes, but with defaults: %v", b, err)
		}
	})
}
