package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// ErrRefused is wrapped where the candidate makes tables that no sidecar would take.
var ErrRefused = errors.New("replay: the sidecars would refuse the candidate")

// Store has the recorded requests.
type Store interface {
	Recorded(ctx context.Context, q signal.RecordedQuery, each func(*signal.Recorded) error) error
}

// Input is what is held against each other.
type Input struct {
	Before, After []config.Object // all resources, without the candidate and with it
	Instances     []mesh.Instance // that run
}

// Bounds of one replay.
const (
	MaxRequests = 200_000
	maxCallers  = 1_000  // tables; later ones cannot be told of
	maxDecided  = 20_000 // requests that are alike, decided once
	maxChanges  = 500    // sorts of difference; further ones are counted together
	examples    = 3
)

// Replayer decides requests by two configurations. It is for one goroutine.
type Replayer struct {
	in        Input
	questions questions
	now, then map[mesh.ServiceName]mesh.Snapshot
	rulesNow  compile.Policies
	rulesThen compile.Policies
	affected  map[mesh.ServiceName]bool
	callers   map[string]*tables
	instances map[string]mesh.Instance // by id, and by service and version
	workloads map[string]*workload
	decided   map[string]hop
	report    mesh.Replay
	changes   map[change]*tally
}

// New compiles both configurations.
func New(in Input) *Replayer {
	r := &Replayer{
		in:       in,
		now:      compile.Snapshots(in.Before, in.Instances, nil, 1),
		rulesNow: compile.InboundPolicies(in.Before), rulesThen: compile.InboundPolicies(in.After),
		affected: map[mesh.ServiceName]bool{}, callers: map[string]*tables{}, instances: map[string]mesh.Instance{},
		workloads: map[string]*workload{}, decided: map[string]hop{}, changes: map[change]*tally{},
	}
	r.then = compile.Snapshots(in.After, in.Instances, nil, 1)
	for _, i := range in.Instances {
		r.instances[string(i.ID)] = i
		r.instances[kin(string(i.Service), string(i.Version))] = i
	}
	for name := range r.now {
		r.affected[name] = r.touched(name)
	}
	for name := range r.then {
		r.affected[name] = r.touched(name)
	}
	return r
}

func kin(service, version string) string { return service + "@" + version }

// Run replays a window, or its newest requests where there are more than the limit.
func (r *Replayer) Run(ctx context.Context, store Store, w signal.Window, limit int) (mesh.Replay, error) {
	limit = min(cmp.Or(max(limit, 0), MaxRequests), MaxRequests)
	r.report.Start, r.report.End = w.Start, w.End
	if err := r.compiles(); err != nil {
		return mesh.Replay{}, err
	}
	more := errors.New("more than the limit")
	var oldest time.Time
	err := store.Recorded(ctx, signal.RecordedQuery{Window: w, Limit: limit + 1}, func(q *signal.Recorded) error {
		if r.report.Requests == limit {
			return more
		}
		r.add(q)
		oldest = q.Time
		return ctx.Err()
	})
	switch {
	case errors.Is(err, more):
		r.report.Partial = fmt.Sprintf("there are more than %d requests; these are the newest, from %s on", limit, oldest.UTC().Format(time.RFC3339))
	case errors.Is(err, context.DeadlineExceeded) && r.report.Requests > 0:
		r.report.Partial = fmt.Sprintf("the time was up; these are the newest requests, from %s on", oldest.UTC().Format(time.RFC3339))
	case err != nil:
		return mesh.Replay{}, fmt.Errorf("replay: %w", err)
	}
	return r.result(), nil
}

// touched reports whether the change has to do with requests to a service.
func (r *Replayer) touched(s mesh.ServiceName) bool {
	before, after := compile.Closure(r.now, []mesh.ServiceName{s}), compile.Closure(r.then, []mesh.ServiceName{s})
	return !reflect.DeepEqual(before, after)
}

// compiles refuses a candidate that the sidecars would refuse.
func (r *Replayer) compiles() error {
	if _, err := r.caller(mesh.DefaultNamespace, nil); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return nil
}

// tally counts a sort of difference.
type tally struct {
	requests int
	traces   []string
}

func (r *Replayer) add(q *signal.Recorded) {
	r.report.Requests++
	var d difference
	if q.Reporter == signal.Source {
		d = r.outbound(q)
	} else {
		d = r.inbound(q)
	}
	switch d.told {
	case unaffected:
		r.report.Unaffected++
	case same:
		r.report.Same++
	case cannotTell:
		r.report.CannotTell++
	default:
		r.report.Changed++
		r.count(d.change, 1, q.TraceID)
	}
}

// change is a sort of difference.
type change struct {
	what                mesh.ReplayOutcome
	caller, service     mesh.ServiceName
	route, was, becomes string
}

func (r *Replayer) count(c change, requests int, traces ...string) {
	t := r.changes[c]
	if t == nil {
		if len(r.changes) >= maxChanges {
			c = change{what: c.what, was: "various", becomes: "various"}
		}
		if t = r.changes[c]; t == nil {
			t = &tally{}
			r.changes[c] = t
		}
	}
	t.requests += requests
	for _, trace := range traces {
		if trace != "" && len(t.traces) < examples && !slices.Contains(t.traces, trace) {
			t.traces = append(t.traces, trace)
		}
	}
}

// verdict is what can be said of a request.
type verdict uint8

const (
	unaffected verdict = iota
	same
	cannotTell
	changed
)

type difference struct {
	told   verdict
	change change
}

func (r *Replayer) result() mesh.Replay {
	out := r.report
	out.Changes = r.sorted()
	fields := map[string]bool{}
	for _, q := range r.questions.all {
		if q.asked {
			fields[q.field] = true
		}
	}
	out.NotRecorded = slices.Sorted(maps.Keys(fields))
	return out
}

// sorted are the differences, the most frequent first.
func (r *Replayer) sorted() []mesh.ReplayChange {
	out := make([]mesh.ReplayChange, 0, len(r.changes))
	for c, t := range r.changes {
		out = append(out, mesh.ReplayChange{
			What: c.what, Caller: c.caller, Service: c.service, Route: c.route, Was: c.was, Becomes: c.becomes,
			Requests: t.requests, Traces: t.traces,
		})
	}
	slices.SortFunc(out, func(x, y mesh.ReplayChange) int {
		return cmp.Or(cmp.Compare(y.Requests, x.Requests), cmp.Compare(x.What, y.What), cmp.Compare(x.Service, y.Service),
			cmp.Compare(x.Caller, y.Caller), cmp.Compare(x.Route, y.Route), cmp.Compare(x.Becomes, y.Becomes))
	})
	return out
}
