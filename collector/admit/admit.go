// Package admit decides what of a request is taken, before it is acknowledged, so that
// its sender is told what is not:
//
//   - A tenant that sends faster than it may is asked to come again: see package throttle.
//   - Items with text that is not UTF-8, which OTLP does not allow and no store can give
//     back, are rejected; the rest of the request is taken.
//   - What would make too many keys (see package cardinality) gives up what tells it
//     apart, where the sum stays right: request metrics are added up in the overflow row,
//     span names and services are stored as signal.Overflow. Series of applications'
//     metrics beyond their limit are rejected instead: they are cumulative or gauges, and
//     neither can be added up without remembering each, which is what the limit is there
//     to avoid.
//   - Values that are too long are cut, attributes beyond their number left out.
//
// A tenant is the namespace that a sender's certificate proves. Who proves nothing, in
// plaintext on the same machine, is "claimed/" and the X-Scope-OrgID that it sends, or the
// service.namespace of its resource; without either "anonymous".
package admit

import (
	"cmp"
	"hash/maphash"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/sightline-mesh/sightline/collector/cardinality"
	"github.com/sightline-mesh/sightline/collector/limits"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/throttle"
)

// hour is for how long keys count after their last use, and twice that at the most.
const hour = time.Hour

// The most keys of all tenants together, which bounds the memory: 25 bytes or so each.
const (
	mostRows     = 1_000_000
	mostSeries   = 1_000_000
	mostNames    = 200_000
	mostServices = 100_000
)

// tenantShare is how many services' worth of keys one tenant may have.
const tenantShare = 10

// Admission decides. It is safe for use by several goroutines.
type Admission struct {
	caps     limits.Caps
	throttle *throttle.Throttle
	seed     maphash.Seed

	services  *cardinality.Keys // of a tenant
	names     *cardinality.Keys // of the spans of a service
	rows      *cardinality.Keys // of a service's request metrics
	peers     *cardinality.Keys // of a service that the overflow row tells apart
	reporters *cardinality.Keys // instances of a service
	series    *cardinality.Keys // of a tenant, by metric
}

// New makes an Admission of limits that have their defaults. It remembers nothing of an
// earlier process: see package cardinality.
func New(c limits.Config) *Admission {
	keys := func(part, group limits.Amount, all int) *cardinality.Keys {
		return cardinality.New(cardinality.Limits{Part: max(int(part), 0), Group: max(int(group), 0), All: all}, hour)
	}
	caps := c.Caps
	return &Admission{
		caps: caps, throttle: throttle.New(c), seed: maphash.MakeSeed(),
		services:  keys(caps.Services, 0, mostServices),
		names:     keys(caps.SpanNames, tenantShare*caps.SpanNames, mostNames),
		rows:      keys(caps.REDKeys, tenantShare*caps.REDKeys, mostRows),
		peers:     keys(caps.REDPeers, tenantShare*caps.REDPeers, mostNames),
		reporters: keys(caps.REDPeers, tenantShare*caps.REDPeers, mostNames),
		series:    keys(caps.SeriesPerMetric, caps.Series, mostSeries),
	}
}

// Tenants are the books of each tenant.
func (a *Admission) Tenants() []signal.Tenant { return a.throttle.Books() }

// Charge charges the tenant that all of a request is of, whose items were counted before it is
// decoded: of a sender with a namespace or a claim. The error is a *throttle.RefusedError.
// Who decodes the request then says that it is Charged, and for how many.
func (a *Admission) Charge(of string, s Sender, items int) error {
	if r := a.throttle.Take(of, []throttle.Charge{s.charge(items)}); r != nil {
		return r
	}
	return nil
}

// GiveBack gives back what Charge took for a request that comes to nothing after all.
func (a *Admission) GiveBack(of string, s Sender, items int) {
	a.throttle.GiveBack(of, s.charge(items))
}

// Return gives back all that a request was charged, which comes to nothing after all: its
// sender has to send it again.
func (a *Admission) Return(out *Outcome) {
	for _, c := range out.cost {
		a.throttle.GiveBack(out.signal, c)
	}
	out.cost = nil
}

// Sender is who sent a request.
type Sender struct {
	Namespace string // that its certificate proves; empty is none
	Claim     string // what it says it is, by X-Scope-OrgID
	Bytes     int    // of the request, decompressed; 0 is not known
	Charged   bool   // for the request: see Charge
	Counted   int    // items that it is Charged for
}

// Tenant is the sender's, as far as it is known before what it sends is read.
func (s Sender) Tenant() string {
	name, _ := s.name("")
	return name
}

const (
	claimed   = "claimed/"
	anonymous = "anonymous"
	maxTenant = 128 // bytes
)

// tenant is whose a resource of the sender's is, and whether that is proved.
func (s Sender) tenant(r pcommon.Resource) (name string, proved bool) {
	if s.Namespace != "" || s.Claim != "" {
		return s.name("")
	}
	said := ""
	if v, ok := r.Attributes().Get(signal.KeyNamespace); ok {
		said = textOf(v)
	}
	return s.name(said)
}

// name is the sender's tenant, where what it sends says as much of its own.
func (s Sender) name(said string) (name string, proved bool) {
	if s.Namespace != "" {
		return s.Namespace, true
	}
	claim := cmp.Or(s.Claim, said)
	if claim == "" {
		return anonymous, false
	}
	return claimed + strings.ToValidUTF8(claim[:min(len(claim), maxTenant)], "?"), false
}

// charge is what a request costs its tenant, where all of it is of one.
func (s Sender) charge(items int) throttle.Charge {
	name, proved := s.name("")
	return throttle.Charge{Tenant: name, Claimed: !proved, Items: items, Bytes: s.Bytes}
}

// one reports whether all that is sent is one tenant's, whatever its resources say.
func (s Sender) one(resources int) bool {
	return resources == 1 || resources > 0 && (s.Namespace != "" || s.Claim != "")
}

// size is how large a request is, which otherwise is to be measured.
func (s Sender) size(measure func() int) int {
	if s.Bytes > 0 {
		return s.Bytes
	}
	return measure()
}

// part is some of a request, of one resource.
type part struct {
	resource     pcommon.Resource
	items, bytes int
}

// charges adds up what a request costs each of its tenants.
func (s Sender) charges(parts []part) []throttle.Charge {
	var all []throttle.Charge
next:
	for _, p := range parts {
		name, proved := s.tenant(p.resource)
		for i := range all {
			if all[i].Tenant == name {
				all[i].Items += p.items
				all[i].Bytes += p.bytes
				continue next
			}
		}
		all = append(all, throttle.Charge{Tenant: name, Claimed: !proved, Items: p.items, Bytes: p.bytes})
	}
	return all
}

// take charges a request's tenants, and notes it in out; of one that is charged for already,
// for the items that were not counted.
func (a *Admission) take(s Sender, parts []part, out *Outcome) error {
	if !s.Charged {
		return a.pay(s.charges(parts), out)
	}
	out.cost = []throttle.Charge{s.charge(s.Counted)}
	more := out.items - s.Counted
	if more <= 0 {
		return nil
	}
	s.Bytes = 0 // they are charged for
	return a.pay([]throttle.Charge{s.charge(more)}, out)
}

func (a *Admission) pay(charges []throttle.Charge, out *Outcome) error {
	if r := a.throttle.Take(out.signal, charges); r != nil {
		return r
	}
	out.cost = append(out.cost, charges...)
	return nil
}

// owner is whose a resource's items are: the group and the part of every key of theirs.
type owner struct {
	tenant           string
	service, version uint64
}

func (o owner) key(hash uint64) cardinality.Key {
	return cardinality.Key{Group: o.tenant, Part: o.service, Hash: hash ^ o.service}
}

// ownerOf tells whose a resource is. One service too many of a tenant's is no more told
// apart: items then lose the service that they are of.
func (a *Admission) ownerOf(s Sender, r pcommon.Resource, items int, out *Outcome) owner {
	attrs := r.Attributes()
	tenant, _ := s.tenant(r)
	service := a.text(attrs, signal.KeyService)
	o := owner{
		tenant:  tenant,
		service: maphash.String(a.seed, service) + a.pair(signal.KeyNamespace, a.text(attrs, signal.KeyNamespace)),
		version: a.pair(signal.KeyVersion, a.text(attrs, signal.KeyVersion)),
	}
	if a.services.Admit(cardinality.Key{Group: tenant, Hash: o.service}) == cardinality.Room {
		return o
	}
	attrs.PutStr(signal.KeyService, signal.Overflow)
	attrs.PutStr(signal.KeyOwnService, service)
	out.overflowed(overflowService, items)
	o.service = maphash.String(a.seed, signal.Overflow)
	return o
}

func (*Admission) text(m pcommon.Map, key string) string {
	if v, ok := m.Get(key); ok {
		return textOf(v)
	}
	return ""
}

func textOf(v pcommon.Value) string {
	if v.Type() == pcommon.ValueTypeStr {
		return v.Str()
	}
	return v.AsString()
}

// hash is one of attributes whose order does not matter.
func (a *Admission) hash(m pcommon.Map) uint64 {
	var sum uint64
	for k, v := range m.All() {
		sum += a.pair(k, textOf(v))
	}
	return sum
}

func (a *Admission) pair(k, v string) uint64 {
	const odd = 0x9e3779b97f4a7c15 // keeps k=v apart from v=k
	return (maphash.String(a.seed, k)*odd ^ maphash.String(a.seed, v)) * odd
}
