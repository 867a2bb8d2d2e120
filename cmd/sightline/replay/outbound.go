package replay

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/retry"
	"github.com/sightline-mesh/sightline/proxy/route"
)

// tables are those of one caller, by the configuration in force and by the candidate.
type tables struct{ now, then *route.Table }

// caller compiles the tables of a caller, whose labels are nil where they are not known.
func (r *Replayer) caller(namespace string, labels map[string]string) (*tables, error) {
	key := fmt.Sprintf("%s %q", namespace, labels) // fmt sorts the keys of a map
	if labels == nil {
		key = namespace
	}
	if t, ok := r.callers[key]; ok {
		return t, nil
	}
	if len(r.callers) >= maxCallers {
		return nil, fmt.Errorf("more than %d sorts of callers", maxCallers)
	}
	c := route.Caller{Namespace: namespace, Labels: labels}
	var out tables
	var err error
	if out.now, err = c.Compile(r.abstract(r.now, labels == nil)); err != nil {
		return nil, fmt.Errorf("compile what is in force: %w", err)
	}
	if out.then, err = c.Compile(r.abstract(r.then, labels == nil)); err != nil {
		return nil, err
	}
	r.callers[key] = &out
	return &out, nil
}

func (r *Replayer) abstract(all map[mesh.ServiceName]mesh.Snapshot, labels bool) []mesh.Snapshot {
	out := make([]mesh.Snapshot, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, r.questions.routes(all[name], labels))
	}
	return out
}

// path is where one configuration sends a request.
type path struct {
	route *route.Route // nil is none
	name  string       // of the route, with the match's
	says  string       // what becomes of it, in words
	sort  sort
}

type sort uint8

const (
	forwarded sort = iota
	answered       // by the route itself
	lost           // for want of a route or of an instance
)

// hop is what two configurations make of requests that are alike.
type hop struct {
	told      verdict // cannotTell, or same for what the paths say
	now, then path
}

// outbound decides a request as its caller's sidecar did.
func (r *Replayer) outbound(q *signal.Recorded) difference {
	s := r.service(q)
	if !r.affected[s] {
		return difference{}
	}
	h := r.hop(q, s)
	if h.told == cannotTell {
		return difference{told: cannotTell}
	}
	c := change{caller: mesh.ServiceName(q.Service), service: s, route: h.now.name}
	if h.now.says != h.then.says {
		c.was, c.becomes, c.what = h.now.says, h.then.says, mesh.ReplayRouted
		if h.then.sort != forwarded {
			c.what = mesh.ReplayRefused
		}
		return difference{changed, c}
	}
	if h.now.sort != forwarded {
		return difference{told: same}
	}
	return otherwise(q, h, c)
}

// service is what a request asked for. A sidecar's port for one service takes any host.
func (r *Replayer) service(q *signal.Recorded) mesh.ServiceName {
	s, err := mesh.ResolveHost(q.Authority, mesh.ServiceName(q.Service).Namespace())
	if _, known := r.now[s]; err == nil && (known || r.affected[s]) {
		return s
	}
	return mesh.ServiceName(q.Peer)
}

// hop decides requests that are alike once.
func (r *Replayer) hop(q *signal.Recorded, s mesh.ServiceName) hop {
	where, _, _ := strings.Cut(q.Path, "?")
	key := strings.Join([]string{q.Service, q.Version, q.Instance, string(s), q.Method, where, q.Authority, q.UserAgent, q.Route}, "\x00")
	if h, ok := r.decided[key]; ok {
		return h
	}
	h := r.decide(q, s, where)
	if len(r.decided) >= maxDecided {
		clear(r.decided)
	}
	r.decided[key] = h
	return h
}

func (r *Replayer) decide(q *signal.Recorded, s mesh.ServiceName, where string) hop {
	var labels map[string]string
	if i, ok := r.instance(q); ok {
		labels = i.Labels
		if labels == nil {
			labels = map[string]string{}
		}
	}
	t, err := r.caller(mesh.ServiceName(q.Service).Namespace(), labels)
	if err != nil {
		return hop{told: cannotTell}
	}
	headers := map[string]string{"user-agent": q.UserAgent, "x-request-id": q.RequestID}
	all, ok := explore(&r.questions, headers, func(header func(string) (string, bool)) hop {
		ask := func() *route.Request {
			return &route.Request{Method: q.Method, Path: where, Authority: q.Authority, Port: mesh.PortOf(q.Authority), Header: header}
		}
		return hop{now: pathOf(t.now, s, ask(), r.now), then: pathOf(t.then, s, ask(), r.then), told: same}
	})
	if !ok {
		return hop{told: cannotTell}
	}
	return agreed(all, q.Route)
}

// agreed is what all worlds come to in which the request took the route that was
// recorded. Where it did so in none, the configuration was another one then, and all count.
func agreed(all []hop, recorded string) hop {
	of := func(h hop) bool { return h.now.name == recorded }
	if recorded != "" && slices.ContainsFunc(all, of) {
		all = slices.DeleteFunc(all, func(h hop) bool { return !of(h) })
	}
	for _, h := range all[1:] {
		if h.now.says != all[0].now.says || h.then.says != all[0].then.says || h.then.route != all[0].then.route || h.now.route != all[0].now.route {
			return hop{told: cannotTell}
		}
	}
	return all[0]
}

// pathOf is what a table makes of a request.
func pathOf(t *route.Table, s mesh.ServiceName, ask *route.Request, all map[mesh.ServiceName]mesh.Snapshot) path {
	found, err := t.Match(s, ask)
	if err != nil {
		return path{sort: lost, says: "404: no route"}
	}
	out := path{route: found, name: found.NameFor(ask)}
	rules := found.Rules
	switch {
	case rules != nil && rules.Redirect != nil:
		out.sort, out.says = answered, "redirect by "+found.Name
		return out
	case rules != nil && rules.Respond != nil:
		out.sort, out.says = answered, fmt.Sprintf("%d by %s", rules.Respond.Status, found.Name)
		return out
	}
	out.says, out.sort = destinations(found, all)
	if rules != nil && rules.Fault != nil {
		out.says += faults(rules.Fault)
	}
	return out
}

// destinations says where a route sends requests, and whether anyone is there.
func destinations(r *route.Route, all map[mesh.ServiceName]mesh.Snapshot) (string, sort) {
	total := uint32(0)
	for _, d := range r.Destinations() {
		total += d.Weight
	}
	var parts []string
	someone := false
	for _, d := range r.Destinations() {
		text := string(d.Service)
		if d.Subset != "" {
			text += " " + d.Subset
		}
		if len(r.Destinations()) > 1 {
			text += fmt.Sprintf(" %.4g%%", 100*float64(d.Weight)/float64(total))
		}
		if served(all[d.Service], d.Subset) {
			someone = true
		} else {
			text += " (no instance)"
		}
		parts = append(parts, text)
	}
	if !someone {
		return "503: " + strings.Join(parts, ", "), lost
	}
	return strings.Join(parts, ", "), forwarded
}

// served reports whether a subset has an instance, "" being all.
func served(s mesh.Snapshot, subset string) bool {
	var labels map[string]string
	for _, sub := range s.Subsets {
		if sub.Name == subset {
			labels = sub.Labels
		}
	}
	return slices.ContainsFunc(s.Instances, func(i mesh.Instance) bool {
		for k, v := range labels {
			if got, ok := i.Labels[k]; !ok || got != v {
				return false
			}
		}
		return i.State == mesh.Ready
	})
}

func faults(f *route.Fault) string {
	out := ""
	if f.DelayShare > 0 {
		out += fmt.Sprintf("; %.4g%% delayed by %s", 100*f.DelayShare, f.Delay)
	}
	if f.AbortShare > 0 {
		out += fmt.Sprintf("; %.4g%% aborted with %d", 100*f.AbortShare, f.AbortStatus)
	}
	return out
}

// otherwise holds what was recorded of a request against new timeouts and retries.
func otherwise(q *signal.Recorded, h hop, c change) difference {
	took, was, is := time.Duration(q.DurationMS*float64(time.Millisecond)), h.now.route.Timeout, h.then.route.Timeout
	longer := is == 0 || was > 0 && is > was
	c.was, c.becomes = "timeout "+orNone(was), "timeout "+orNone(is)
	switch {
	case was == is:
	case is > 0 && took > is && !longer:
		c.what = mesh.ReplayTimedOut
		return difference{changed, c}
	case longer && slices.Contains(strings.Split(q.Flags, ","), "UT"):
		c.what = mesh.ReplayWaited
		return difference{changed, c}
	}
	return retried(q, h, c)
}

func orNone(d time.Duration) string {
	if d == 0 {
		return "none"
	}
	return d.String()
}

// try is one of KeyTries.
type try struct {
	Status int
	Reason string
}

// retried holds every try that was recorded against both policies.
func retried(q *signal.Recorded, h hop, c change) difference {
	var tries []try
	if q.Tries != "" && json.Unmarshal([]byte(q.Tries), &tries) != nil {
		return difference{told: cannotTell}
	}
	if len(tries) == 0 {
		tries = []try{{Status: q.Status}}
	}
	for n, t := range tries {
		switch again, sure := decidedOtherwise(q, h, n, t); {
		case !sure:
			return difference{told: cannotTell}
		case again != 0:
			c.what, c.was, c.becomes = mesh.ReplayRetried, after(t, n, again < 0), after(t, n, again > 0)
			return difference{changed, c}
		}
	}
	return difference{told: same}
}

// decidedOtherwise is 1 where only the candidate tries again after a try, -1 where only
// what is in force does, 0 where they agree. It is not sure where that depends on how a
// try without an answer ended, which is not recorded but in words.
func decidedOtherwise(q *signal.Recorded, h hop, n int, t try) (again int, sure bool) {
	ends := []retry.End{retry.Answered}
	if t.Status == 0 {
		ends = []retry.End{retry.TimedOut, retry.Reset, retry.Unsent, retry.Refused, retry.ConnectFailed}
	}
	for i, end := range ends {
		o := retry.Outcome{End: end, Status: t.Status, GRPCStatus: -1, Idempotent: idempotent(q.Method)}
		now, then := h.now.route.Retry, h.then.route.Retry
		was, is := n < now.Attempts && now.Retries(o), n < then.Attempts && then.Retries(o)
		differs := 0
		switch {
		case is && !was:
			differs = 1
		case was && !is:
			differs = -1
		}
		if i > 0 && differs != again {
			return 0, false
		}
		again = differs
	}
	return again, true
}

func after(t try, n int, again bool) string { //nolint:revive // which of the two
	what := fmt.Sprintf("status %d", t.Status)
	if t.Status == 0 {
		what = "no answer"
	}
	if again {
		return fmt.Sprintf("tried again after %s of try %d", what, n+1)
	}
	return fmt.Sprintf("not tried again after %s of try %d", what, n+1)
}

func idempotent(method string) bool {
	return slices.Contains([]string{
		http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete,
	}, method)
}
