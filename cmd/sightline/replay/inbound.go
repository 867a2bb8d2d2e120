package replay

import (
	"cmp"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/authorize"
)

// workload is what one instance enforces, by both configurations.
type workload struct {
	affected  bool
	port      uint16 // of its app, the first
	now, then *authorize.Policies
	err       error
}

// instance is the one that recorded a request, or one of the same version where that is
// gone.
func (r *Replayer) instance(q *signal.Recorded) (mesh.Instance, bool) {
	if i, ok := r.instances[q.Instance]; ok {
		return i, true
	}
	i, ok := r.instances[kin(q.Service, q.Version)]
	return i, ok
}

func (r *Replayer) workload(i mesh.Instance) *workload {
	if w, ok := r.workloads[string(i.ID)]; ok {
		return w
	}
	now, then := r.rulesNow.For(i).Authorization, r.rulesThen.For(i).Authorization
	w := &workload{affected: !reflect.DeepEqual(now, then), port: i.AppPort}
	if w.affected {
		domain := strings.TrimPrefix(string(i.Identity), "spiffe://")
		domain, _, _ = strings.Cut(domain, "/")
		if w.now, w.err = authorize.Compile(r.questions.policies(now), domain); w.err == nil {
			w.then, w.err = authorize.Compile(r.questions.policies(then), domain)
		}
	}
	r.workloads[string(i.ID)] = w
	return w
}

// ruling is what both configurations say of a request.
type ruling struct{ now, then authorize.Decision }

// inbound decides a request as its callee's sidecar did.
func (r *Replayer) inbound(q *signal.Recorded) difference {
	i, ok := r.instance(q)
	if !ok {
		if r.rulesNow.Equal(r.rulesThen) {
			return difference{}
		}
		return difference{told: cannotTell} // what selected it is not known any more
	}
	w := r.workload(i)
	switch {
	case !w.affected:
		return difference{}
	case w.err != nil:
		return difference{told: cannotTell}
	}
	where, _, _ := strings.Cut(q.Path, "?")
	caller := authorize.NewCaller(authorize.Connection{Identity: q.PeerIdentity, To: netip.AddrPortFrom(netip.Addr{}, cmp.Or(q.Port, w.port))})
	headers := map[string]string{"host": q.Authority, "user-agent": q.UserAgent, "x-request-id": q.RequestID}
	all, ok := explore(&r.questions, headers, func(header func(string) (string, bool)) ruling {
		ask := &authorize.Request{Caller: caller, Method: q.Method, Host: q.Authority, Path: where, Header: header}
		return ruling{w.now.Request(ask), w.then.Request(ask)}
	})
	if !ok {
		return difference{told: cannotTell}
	}
	return ruled(all, q)
}

// ruled is what all worlds come to that agree with what was recorded.
func ruled(all []ruling, q *signal.Recorded) difference {
	denied := slices.Contains(strings.Split(q.Flags, ","), "UAEX")
	agrees := func(r ruling) bool { return r.now.Allowed != denied }
	if slices.ContainsFunc(all, agrees) {
		all = slices.DeleteFunc(all, func(r ruling) bool { return !agrees(r) })
	}
	first := all[0]
	for _, other := range all[1:] {
		if other.now.Allowed != first.now.Allowed || other.then.Allowed != first.then.Allowed {
			return difference{told: cannotTell}
		}
	}
	if first.now.Allowed == first.then.Allowed {
		return difference{told: same}
	}
	c := change{caller: mesh.ServiceName(q.Peer), service: mesh.ServiceName(q.Service), what: mesh.ReplayAllowed, was: first.now.Reason, becomes: "allowed"}
	if first.now.Allowed {
		c.what, c.was, c.becomes = mesh.ReplayRefused, "allowed", "403: "+first.then.Reason
	}
	return difference{changed, c}
}
