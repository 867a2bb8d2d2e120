package api

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/topology/graph"
)

// The answers of the API are the vocabulary's types. Lists stand in an object, so
// that something can be added beside them.
type (
	servicesAnswer struct {
		Start    time.Time    `json:"start"`
		End      time.Time    `json:"end"`
		Services []graph.Node `json:"services"`
	}
	serviceAnswer struct {
		Service   graph.Node         `json:"service"`
		Series    []signal.Point     `json:"series"`
		Callers   []graph.Edge       `json:"callers"`
		Callees   []graph.Edge       `json:"callees"`
		Instances []mesh.ProxyStatus `json:"instances"`
		Verdicts  []mesh.Verdict     `json:"verdicts"`
	}
	traceAnswer struct {
		TraceID string        `json:"traceId"`
		Spans   []signal.Span `json:"spans"`
		Partial string        `json:"partial,omitempty"` // why there may have been more of the time of these; empty: nothing is known to be missing
	}
	completionsAnswer struct {
		Completions []signal.Completion `json:"completions"`
	}
	trafficAnswer struct {
		Services []mesh.Traffic `json:"services"`
	}
	breakersAnswer struct {
		Breakers []mesh.Verdict `json:"breakers"`
	}
	eventsAnswer struct {
		Events []mesh.Event `json:"events"`
		Next   string       `json:"next,omitempty"` // for the parameter after; empty on the last page
	}
	configAnswer struct {
		Resources []mesh.Resource `json:"resources"`
	}
	historyAnswer struct {
		Changes []mesh.Change `json:"changes"`
		Next    uint64        `json:"next,omitempty"` // for the parameter below; 0 on the last page
	}
	appliedAnswer struct {
		Applied  bool           `json:"applied"`
		Findings []mesh.Finding `json:"findings"`
	}
	findingsAnswer struct {
		Findings []mesh.Finding `json:"findings"`
	}
	tokenAnswer struct {
		Token string `json:"token"`
	}
	tokensAnswer struct {
		Tokens []mesh.JoinToken `json:"tokens"`
	}
	slosAnswer struct {
		SLOs []SLO `json:"slos"`
	}
	alertsAnswer struct {
		Alerts []Alert `json:"alerts"`
	}
	proxiesAnswer struct {
		Proxies       []mesh.ProxyStatus  `json:"proxies"`
		ControlPlanes []mesh.Replica      `json:"controlPlanes"`
		Changes       []mesh.ConfigChange `json:"changes"` // newest first, and how far each has come
		Unreadable    []mesh.Unreadable   `json:"unreadable"`
	}
	pipelineAnswer struct {
		Signals []signal.Pipeline `json:"signals"`
		Store   signal.StoreState `json:"store"`
		Tenants []signal.Tenant   `json:"tenants"`
	}
)

// list is l, never null in JSON.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// answer writes a value as JSON. It is encoded before anything is written, so a
// value that cannot be is a problem document and not half an answer.
func (a *API) answer(c *gin.Context, out any) {
	b, err := json.Marshal(out)
	if err != nil {
		a.refuse(c, fmt.Errorf("encode answer: %w", err))
		return
	}
	var zip []byte
	if len(b) > 1400 { // a smaller answer fits one packet anyway
		zip = zipped(b, gzip.BestSpeed)
	}
	send(c, "application/json", b, zip)
}
