package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Why explains how a request ended.
type Why struct {
	ID       string         `json:"id"`
	TraceID  string         `json:"traceId,omitempty"`
	Summary  string         `json:"summary"`        // one sentence
	Note     string         `json:"note,omitempty"` // what may still change
	Hops     []Hop          `json:"hops"`           // in order of time
	Verdicts []mesh.Verdict `json:"verdicts"`
}

// Hop is one row of the access log, spelled out.
type Hop struct {
	Log           signal.Log `json:"log"`
	GeneratedBy   string     `json:"generatedBy"` // "app", "proxy" or "peer"; empty when the row does not say
	Attempts      int        `json:"attempts"`
	Tries         []Try      `json:"tries"`
	Flags         []Flag     `json:"flags"`
	ConfigVersion string     `json:"configVersion,omitempty"`
}

// Try is one attempt of a request.
type Try struct {
	Instance string  `json:"instance"`
	MS       float64 `json:"ms"`
	Status   int     `json:"status"`
	Reason   string  `json:"reason,omitempty"`
}

// Flag is a response flag in words.
type Flag struct {
	Flag    string `json:"flag"`
	Meaning string `json:"meaning"`
}

func (a *API) why(c *gin.Context) (any, error) {
	id := c.Param("id")
	rows, err := a.rowsOf(c, id)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		what := "no access log has the trace or request id " + id
		if lacks := a.lacking(signal.Window{End: a.now()}, "logs"); lacks != "" {
			what += ", or no more: " + lacks
		}
		return nil, problem(http.StatusNotFound, what)
	}
	slices.SortStableFunc(rows, func(x, y signal.Log) int { return x.Time.Compare(y.Time) })
	w := Why{ID: id, Verdicts: []mesh.Verdict{}}
	named := map[string]bool{}
	for _, row := range rows {
		w.TraceID = cmp.Or(w.TraceID, row.TraceID)
		w.Hops = append(w.Hops, hopOf(row))
		named[row.Service], named[row.Peer] = true, true
	}
	w.Summary, w.Note = summarize(w.Hops), a.note(rows, w.TraceID)
	if a.deps.Breakers != nil {
		all, err := a.deps.Breakers.Verdicts(c)
		if err != nil {
			return nil, fmt.Errorf("read verdicts: %w", err)
		}
		w.Verdicts = slices.DeleteFunc(slices.Clone(list(all)), func(v mesh.Verdict) bool { return !named[string(v.Target.Service)] })
	}
	return w, nil
}

// rowsOf finds the rows of a trace id, else those of a request id.
func (a *API) rowsOf(c *gin.Context, id string) ([]signal.Log, error) {
	const limit = 1000
	if traceIDShape.MatchString(id) {
		page, err := a.readLogs(c, signal.LogQuery{TraceID: id, Limit: limit})
		if err != nil || len(page.Logs) > 0 {
			return page.Logs, err
		}
	}
	page, err := a.readLogs(c, signal.LogQuery{RequestID: id, Limit: limit})
	return page.Logs, err
}

func hopOf(row signal.Log) Hop {
	h := Hop{Log: row, Tries: []Try{}, Flags: []Flag{}}
	h.GeneratedBy, _ = row.Attributes[signal.KeyGenerated].(string)
	if s, ok := row.Attributes[signal.KeyTries].(string); ok {
		_ = json.Unmarshal([]byte(s), &h.Tries) // a row of another writer: its tries stay unknown
	}
	h.Attempts = max(1, len(h.Tries), number(row.Attributes[signal.KeyAttempts]))
	if v, ok := row.Attributes[signal.KeyConfig]; ok {
		h.ConfigVersion = fmt.Sprint(v)
	}
	for f := range strings.SplitSeq(row.Flags, ",") {
		if f = strings.TrimSpace(f); f != "" && f != "-" {
			h.Flags = append(h.Flags, Flag{Flag: f, Meaning: cmp.Or(meaning(f), "not known here")})
		}
	}
	return h
}

// number reads an attribute that came as any of JSON's or the store's number types.
func number(v any) int {
	switch n := v.(type) {
	case int64:
		return int(n)
	case int:
		return n
	case uint64:
		return int(n)
	case float64:
		return int(n)
	case string:
		var i int
		_, _ = fmt.Sscan(n, &i)
		return i
	}
	return 0
}

func failed(l signal.Log) bool {
	protocol, _ := l.Attributes[signal.KeyProtocol].(string)
	return signal.FailedHop(protocol, l.Status, grpcStatus(l), l.Flags)
}

// summarize names the hop that decided.
func summarize(hops []Hop) string {
	i := deciding(hops)
	if i < 0 {
		return answered(hops[0])
	}
	h := hops[i]
	s := fmt.Sprintf("Status %d was made by %s", h.Log.Status, cmp.Or(maker(h), "an unknown party near "+h.Log.Service))
	if why := cmp.Or(h.Log.Reason, meanings(h.Flags)); why != "" {
		s += ": " + why
	}
	if h.Attempts > 1 {
		s += fmt.Sprintf(" (after %d attempts)", h.Attempts)
	}
	return s + "."
}

// maker is who made the status of a hop, empty where its row does not say.
func maker(h Hop) string {
	return map[string]string{
		"app":   "the application of " + cmp.Or(destinationOf(h.Log), h.Log.Service),
		"proxy": "the sidecar of " + h.Log.Service,
		"peer":  "the sidecar of " + cmp.Or(h.Log.Peer, "the other side"),
	}[h.GeneratedBy]
}

// answered says who answered in a hop that went well: the service that was called, unless a
// sidecar made the answer in its place.
func answered(h Hop) string {
	if h.GeneratedBy == "proxy" || h.GeneratedBy == "peer" {
		return fmt.Sprintf("Status %d was made by %s in %.1f ms; nothing failed on the way.", h.Log.Status, maker(h), h.Log.DurationMS)
	}
	who := cmp.Or(destinationOf(h.Log), h.Log.Service)
	return fmt.Sprintf("%s answered %d in %.1f ms; nothing failed on the way.", who, h.Log.Status, h.Log.DurationMS)
}

// late is how long after its request a row may come: sidecars send theirs in batches, some
// seconds apart, and again where the collector was away.
const late = 30 * time.Second

// note says what of the trace is not there, and may follow.
func (a *API) note(rows []signal.Log, trace string) string {
	if why := a.leftOut(trace); why != "" {
		return "There are no spans of its trace: " + why + "."
	}
	if lacks := a.lacking(signal.Window{Start: rows[0].Time, End: rows[len(rows)-1].Time.Add(time.Nanosecond)}, "logs"); lacks != "" {
		return "There may have been more rows: " + lacks + "."
	}
	if len(rows) != 1 || a.now().Sub(rows[0].Time) > late+time.Duration(rows[0].DurationMS*float64(time.Millisecond)) {
		return ""
	}
	return "One row is there yet; rows arrive some seconds after the request, so more may follow."
}

// deciding is the last hop to start among those that failed, because the ones before it
// only passed its failure on; where none did, among those that refused the request, by a
// policy or as the app's own answer. It is negative when all went well.
func deciding(hops []Hop) int {
	refused := -1
	for i, h := range slices.Backward(hops) {
		if failed(h.Log) {
			return i
		}
		if refused < 0 && h.Log.Status >= http.StatusBadRequest {
			refused = i
		}
	}
	return refused
}

func grpcStatus(row signal.Log) int {
	if v, ok := row.Attributes[signal.KeyGRPCStatus]; ok {
		return number(v)
	}
	return -1
}

// destinationOf is the service that was called in the hop a row is about.
func destinationOf(row signal.Log) string {
	if row.Reporter == signal.Source {
		return row.Peer
	}
	return row.Service
}

func meanings(flags []Flag) string {
	words := make([]string, 0, len(flags))
	for _, f := range flags {
		words = append(words, f.Meaning)
	}
	return strings.Join(words, "; ")
}
