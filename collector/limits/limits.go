// Package limits says what one sender may cost: how fast its namespace may send, and how
// many different keys it may make. It only reads and checks; packages throttle and admit
// hold senders to it.
package limits

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// None is no limit.
const None = -1

// Config is all limits. Zero fields have the defaults of Default.
type Config struct {
	// Tenant is what each tenant may send; Tenants are those for whom that is otherwise.
	Tenant  Rates
	Tenants map[string]Rates
	Caps    Caps
}

// Rates are how fast a tenant may send, by signal.
type Rates struct {
	Traces  Rate
	Logs    Rate
	Metrics Rate
}

// Rate is how much of one signal a tenant may send. What it did not use lately, it may
// send at once: up to as much as comes in Burst.
type Rate struct {
	Items Amount   // spans, log records or metric points a second
	Bytes Amount   // of requests a second, decompressed
	Burst Duration // default 10 s
}

// Caps are how many different keys there may be.
type Caps struct {
	// REDKeys is how many rows of request metrics a service's sidecars may keep apart in
	// an hour: by route, method, status, peer and so on, and by instance. Others are added
	// up as of the row "__other__". Default 20,000, what twenty sidecars keep apart at most.
	REDKeys Amount
	// REDPeers is for how many peers of a service that row still says who they are, and
	// of how many of its instances it tells. Default 1,000, as many as a sidecar keeps rows.
	REDPeers Amount
	// Services is how many services a tenant may have, in any signal; others are stored as
	// of the service "__other__". Default 1,000.
	Services Amount
	// SpanNames is how many names the spans of a service may have in an hour; others are
	// listed and stored as "__other__", with their name in an attribute. Default 2,000,
	// OpenTelemetry's SDKs' limit for the attribute sets of a metric.
	SpanNames Amount
	// Series and SeriesPerMetric are how many series a tenant may have in use. Others are
	// refused. Default 500,000 and 50,000: Mimir's per tenant is 150,000 and Cortex's
	// 5,000,000; Cortex's per metric 50,000.
	Series          Amount
	SeriesPerMetric Amount
	// Attributes is how many attributes a span, an event, a log record or a resource keeps,
	// the first of them, and AttributeBytes how long a value may be before it is cut.
	// Default 128, as in OpenTelemetry's SDKs (which do not bound the length), and 64 KiB.
	Attributes     Amount
	AttributeBytes Amount
}

// Default are the limits where nothing is said: more than one machine's mesh sends in
// earnest. The rates are above those that shared backends have for a tenant: Mimir's
// 10,000 samples/s with a burst of 200,000; Tempo's 15 MB/s with one of 20 MB.
func Default() Config {
	const bytes = 64 << 20
	r := Rate{Items: 50_000, Bytes: bytes, Burst: Duration(10 * time.Second)}
	return Config{
		Tenant: Rates{Traces: r, Logs: r, Metrics: r},
		Caps: Caps{
			REDKeys: 20_000, REDPeers: 1000, Services: 1000, SpanNames: 2000,
			Series: 500_000, SeriesPerMetric: 50_000,
			Attributes: 128, AttributeBytes: 64 << 10,
		},
	}
}

// Of is what a tenant may send.
func (c Config) Of(tenant string) Rates {
	if r, ok := c.Tenants[tenant]; ok {
		return r
	}
	return c.Tenant
}

// WithDefaults is c with zero fields as in Default; those of a tenant are as every tenant's.
func (c Config) WithDefaults() Config {
	d := Default()
	c.Tenant = c.Tenant.or(d.Tenant)
	c.Tenants = maps.Clone(c.Tenants)
	for name, r := range c.Tenants {
		c.Tenants[name] = r.or(c.Tenant)
	}
	own, other := c.Caps.fields(), d.Caps.fields()
	for i := range own {
		own[i].amount.or(*other[i].amount)
	}
	return c
}

func (r Rates) or(d Rates) Rates {
	return Rates{Traces: r.Traces.or(d.Traces), Logs: r.Logs.or(d.Logs), Metrics: r.Metrics.or(d.Metrics)}
}

func (r Rate) or(d Rate) Rate {
	r.Items.or(d.Items)
	r.Bytes.or(d.Bytes)
	if r.Burst == 0 {
		r.Burst = d.Burst
	}
	return r
}

func (a *Amount) or(d Amount) {
	if *a == 0 {
		*a = d
	}
}

type field struct {
	name   string
	amount *Amount
}

func (c *Caps) fields() []field {
	return []field{
		{"redKeys", &c.REDKeys},
		{"redPeers", &c.REDPeers},
		{"services", &c.Services},
		{"spanNames", &c.SpanNames},
		{"series", &c.Series},
		{"seriesPerMetric", &c.SeriesPerMetric},
		{"attributes", &c.Attributes},
		{"attributeBytes", &c.AttributeBytes},
	}
}

// Validate reports every field that cannot be used.
func (c Config) Validate() error {
	bad := []error{c.Tenant.check("tenant")}
	for _, name := range slices.Sorted(maps.Keys(c.Tenants)) {
		if name == "" {
			bad = append(bad, errors.New(`tenants: a name is empty; want a namespace, or "claimed/" and what senders without a certificate call themselves`))
		}
		bad = append(bad, c.Tenants[name].check("tenants."+name))
	}
	for _, f := range c.Caps.fields() {
		bad = append(bad, f.amount.check("caps."+f.name))
	}
	if c.Caps.AttributeBytes > 0 && c.Caps.AttributeBytes < minValue {
		bad = append(bad, fmt.Errorf("caps.attributeBytes: %d is less than %d, which ids and addresses need", c.Caps.AttributeBytes, minValue))
	}
	return errors.Join(bad...)
}

// minValue is the least to which a value may be cut, in bytes.
const minValue = 128

func (r Rates) check(at string) error {
	return errors.Join(r.Traces.check(at+".traces"), r.Logs.check(at+".logs"), r.Metrics.check(at+".metrics"))
}

func (r Rate) check(at string) error {
	bad := []error{r.Items.check(at + ".items"), r.Bytes.check(at + ".bytes")}
	if r.Burst < 0 || r.Burst > Duration(maxBurst) || r.Burst > 0 && r.Burst < Duration(time.Second) {
		bad = append(bad, fmt.Errorf("%s.burst: %s: want 1s to %s", at, time.Duration(r.Burst), maxBurst))
	}
	return errors.Join(bad...)
}

const maxBurst = time.Hour

func (a Amount) check(at string) error {
	if a < None {
		return fmt.Errorf("%s: %d: want a number above 0, or none", at, a)
	}
	return nil
}
