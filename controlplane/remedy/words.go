package remedy

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// tell adds an event about a verdict.
func (d *decision) tell(kind mesh.EventKind, v mesh.Verdict, summary string, evidence map[string]string) {
	d.out.Events = append(d.out.Events, mesh.Event{
		Time: d.in.Now, Kind: kind, Target: v.Target, Summary: summary, By: v.By, Verdict: v.ID,
		Detail: evidence, Traces: v.Traces,
	})
}

// anomaly adds the event of an anomaly; why says what keeps it from a verdict.
func (d *decision) anomaly(o mesh.Observation, why string) {
	summary, evidence := o.Anomaly.Detail, figures(o)
	if why != "" {
		summary += "; left alone: " + why
		evidence["leftAlone"] = why
	}
	d.out.Events = append(d.out.Events, mesh.Event{
		Time: d.in.Now, Kind: mesh.EventAnomaly, Target: o.Target, Summary: summary, By: author,
		Detail: evidence, Traces: o.Anomaly.Traces,
	})
}

// figures are the numbers of an observation.
func figures(o mesh.Observation) map[string]string {
	out := map[string]string{
		"requests": strconv.FormatUint(o.Requests, 10),
		"failed":   strconv.FormatUint(o.Failed, 10),
		"usual":    percent(o.Baseline),
		"window":   o.End.Sub(o.Start).String(),
	}
	if o.Anomaly != nil {
		out["kind"] = o.Anomaly.Kind
		out["bound"] = percent(o.Anomaly.Bound)
	}
	return out
}

func sentence(t mesh.Target, format string, args ...any) string {
	return t.String() + " " + fmt.Sprintf(format, args...)
}

func enough(o mesh.Observation) string {
	return fmt.Sprintf("%d requests that probed it were answered, none failed", o.Requests)
}

func percent(share float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(100*share, 'f', 1, 64), ".0") + " %"
}
