package api

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/topology/graph"
	"github.com/sightline-mesh/sightline/ui/session"
)

// route is one thing the API can do. A route without serve writes its own answer.
type route struct {
	method  string
	path    string // OpenAPI's spelling: /api/v1/traces/{id}
	summary string
	role    session.Role // Nobody: no sign-in is needed
	params  []param
	body    any // a value of the type of the JSON body, nil for none
	yaml    bool
	result  any // a value of the type of the answer, nil for 204
	serve   func(*gin.Context) (any, error)
	raw     gin.HandlerFunc
}

// ginPath is the path in gin's spelling: /api/v1/traces/:id.
func (r route) ginPath() string {
	return strings.NewReplacer("{", ":", "}", "").Replace(r.path)
}

// serve runs a route behind its guard.
func (a *API) serve(r route) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := checkParams(c, r.params); err != nil {
			a.refuse(c, err)
			return
		}
		if r.raw != nil {
			r.raw(c)
			return
		}
		out, err := r.serve(c)
		switch {
		case err != nil:
			a.refuse(c, err)
		case out == nil:
			c.Status(http.StatusNoContent)
		default:
			a.answer(c, out)
		}
	}
}

var (
	atParam      = param{name: "at", in: "query", kind: instant, about: "End of the window; now when missing."}
	windowParam  = param{name: "window", in: "query", kind: duration, about: "Length of the window."}
	startParam   = param{name: "start", in: "query", kind: instant, about: "Start of the period."}
	endParam     = param{name: "end", in: "query", kind: instant, about: "End of the period; now when missing."}
	limitParam   = param{name: "limit", in: "query", kind: count, max: 1000, about: "How many at most."}
	serviceParam = param{name: "service", in: "query", kind: label, about: "Only this service."}
	servicePath  = param{name: "service", in: "path", kind: label, about: "The service's name."}
)

// routes is everything the API can do.
func (a *API) routes() []route {
	all := a.signInRoutes()
	all = append(all, a.seeingRoutes()...)
	all = append(all, a.searchRoutes()...)
	all = append(all, a.actingRoutes()...)
	all = append(all, a.configRoutes()...)
	all = append(all, a.historyRoutes()...)
	all = append(all, a.identityRoutes()...)
	return append(all, a.statusRoutes()...)
}

func (a *API) signInRoutes() []route {
	return []route{
		{
			method: "POST", path: "/api/v1/session", summary: "Sign in with the secret of a one-time link",
			body: signInRequest{}, result: session.User{}, serve: a.signIn,
		},
		{
			method: "GET", path: "/api/v1/session", summary: "Who is signed in", role: session.Viewer,
			result: session.User{}, serve: func(c *gin.Context) (any, error) { return userOf(c), nil },
		},
		{method: "DELETE", path: "/api/v1/session", summary: "Sign out", serve: a.signOut},
		{
			method: "POST", path: "/api/v1/session/link", summary: "Make a one-time sign-in link", role: session.Admin,
			result: link{}, serve: a.newLink,
		},
	}
}

func (a *API) seeingRoutes() []route {
	return []route{
		{
			method: "GET", path: "/api/v1/graph", summary: "The service graph, live or of a past window", role: session.Viewer,
			params: []param{atParam, windowParam}, result: graph.Graph{}, serve: a.graph,
		},
		{
			method: "GET", path: "/api/v1/services", summary: "Every service with its rates and versions", role: session.Viewer,
			params: []param{atParam, windowParam}, result: servicesAnswer{}, serve: a.services,
		},
		{
			method: "GET", path: "/api/v1/services/{name}", summary: "One service: rates over time, versions, instances, dependencies", role: session.Viewer,
			params: []param{{name: "name", in: "path", kind: label, about: "The service's name."}, startParam, endParam},
			result: serviceAnswer{}, serve: a.service,
		},
		{
			method: "GET", path: "/api/v1/why/{id}", summary: "Why a request ended as it did", role: session.Viewer,
			params: []param{{name: "id", in: "path", about: "A trace id or a request id."}},
			result: Why{}, serve: a.why,
		},
		{
			method: "GET", path: "/api/v1/live", summary: "Server-sent events: graph each second, event as they come", role: session.Viewer,
			result: "", raw: a.stream,
		},
		{
			method: "GET", path: "/api/v1/tap", summary: "Server-sent events: request as sidecars see it end, status each second", role: session.Operator,
			params: tapParams(), result: "", raw: a.tap,
		},
	}
}

func (a *API) actingRoutes() []route {
	return []route{
		{
			method: "GET", path: "/api/v1/traffic", summary: "How requests are split over versions, for every service", role: session.Viewer,
			result: trafficAnswer{}, serve: a.allTraffic,
		},
		{
			method: "GET", path: "/api/v1/traffic/{service}", summary: "How requests to a service are split over its versions", role: session.Viewer,
			params: []param{servicePath}, result: mesh.Traffic{}, serve: a.traffic,
		},
		{
			method: "PUT", path: "/api/v1/traffic/{service}", summary: "Set the weights of a service's versions", role: session.Operator,
			params: []param{servicePath}, body: map[string]uint32{}, result: mesh.Traffic{}, serve: a.setTraffic,
		},
		{
			method: "POST", path: "/api/v1/traffic/{service}/undo", summary: "Take the newest change of weights back", role: session.Operator,
			params: []param{servicePath}, result: mesh.Traffic{}, serve: a.undoTraffic,
		},
		{
			method: "GET", path: "/api/v1/breakers", summary: "The verdicts in force", role: session.Viewer,
			result: breakersAnswer{}, serve: a.breakers,
		},
		{
			method: "POST", path: "/api/v1/breakers/trip", summary: "Keep traffic away from a version or an instance", role: session.Operator,
			body: tripRequest{}, result: breakersAnswer{}, serve: a.trip,
		},
		{
			method: "POST", path: "/api/v1/breakers/release", summary: "Let traffic through again", role: session.Operator,
			body: verdictRequest{}, result: breakersAnswer{}, serve: a.release,
		},
		{
			method: "POST", path: "/api/v1/breakers/hold", summary: "Keep a verdict: no probing, no automatic release", role: session.Operator,
			body: verdictRequest{}, result: breakersAnswer{}, serve: a.hold,
		},
		{
			method: "GET", path: "/api/v1/events", summary: "The timeline: anomalies, verdicts, changes; newest first", role: session.Viewer,
			params: []param{
				serviceParam, limitParam,
				{name: "after", in: "query", about: "The field next of the page before."},
				{name: "kind", in: "query", oneOf: eventKinds(), about: "Only events of this kind."},
			}, result: eventsAnswer{}, serve: a.events,
		},
	}
}

func (a *API) configRoutes() []route {
	return []route{
		{
			method: "GET", path: "/api/v1/config", summary: "Every piece of configuration", role: session.Viewer,
			params: []param{{name: "kind", in: "query", about: "VirtualService, DestinationRule, SLO…"}},
			result: configAnswer{}, serve: a.config,
		},
		{
			method: "POST", path: "/api/v1/config", summary: "Apply a manifest", role: session.Admin, yaml: true,
			params: []param{
				{name: "dryRun", in: "query", kind: flag, about: "Only check it."},
				{name: "version", in: "query", kind: ordinal, about: "What the manifest's one resource must still have; else 409."},
			},
			result: appliedAnswer{}, serve: a.apply,
		},
		{
			method: "GET", path: "/api/v1/config/analyze", summary: "What is wrong or odd in the configuration in force", role: session.Viewer,
			result: findingsAnswer{}, serve: a.analyzeStored,
		},
		{
			method: "POST", path: "/api/v1/config/analyze", summary: "Check a manifest against what is there", role: session.Viewer, yaml: true,
			result: appliedAnswer{}, serve: a.analyze,
		},
		{
			method: "POST", path: "/api/v1/config/replay", role: session.Viewer, yaml: true,
			summary: "What a manifest would have done to the requests recorded in a window",
			params: []param{
				startParam, endParam,
				{name: "limit", in: "query", kind: count, max: maxReplayed, about: "How many requests at most, the newest ones; 200,000 when missing."},
			}, result: mesh.Replay{}, serve: a.replay,
		},
		{
			method: "DELETE", path: "/api/v1/config/{kind}/{namespace}/{name}", summary: "Delete a piece of configuration", role: session.Admin,
			params: []param{
				{name: "kind", in: "path", about: "VirtualService, DestinationRule, SLO…"},
				{name: "namespace", in: "path", kind: label, about: "Its namespace."},
				{name: "name", in: "path", kind: label, about: "Its name."},
			}, serve: a.deleteConfig,
		},
	}
}

func (a *API) historyRoutes() []route {
	return []route{
		{
			method: "GET", path: "/api/v1/config/history", summary: "What changed in the configuration, newest first", role: session.Viewer,
			params: []param{
				limitParam,
				{name: "below", in: "query", kind: ordinal, about: "The field next of the page before."},
				{name: "kind", in: "query", about: "Only changes of a resource of this kind."},
				{name: "namespace", in: "query", kind: label, about: "Only of one in this namespace."},
				{name: "name", in: "query", kind: label, about: "Only of one of this name."},
			}, result: historyAnswer{}, serve: a.history,
		},
		{
			method: "GET", path: "/api/v1/config/history/{change}", summary: "What a change did, with the manifests before and after it", role: session.Viewer,
			params: []param{{name: "change", in: "path", kind: ordinal, about: "The change's number."}},
			result: mesh.Change{}, serve: a.change,
		},
		{
			method: "POST", path: "/api/v1/config/history/{change}/restore", summary: "Bring the configuration back to how it stood after a change", role: session.Admin,
			params: []param{
				{name: "change", in: "path", kind: ordinal, about: "The change's number; 0 is before the first."},
				{name: "dryRun", in: "query", kind: flag, about: "Only say what would change."},
			}, result: mesh.Restoration{}, serve: a.restore,
		},
	}
}

func (a *API) statusRoutes() []route {
	return []route{
		{
			method: "GET", path: "/api/v1/slos", summary: "Objectives and their error budgets", role: session.Viewer,
			result: slosAnswer{}, serve: a.slos,
		},
		{
			method: "GET", path: "/api/v1/alerts", summary: "Alerts, firing and pending", role: session.Viewer,
			result: alertsAnswer{}, serve: a.alerts,
		},
		{
			method: "GET", path: "/api/v1/proxies", summary: "Every sidecar: in sync, certificate, version", role: session.Viewer,
			result: proxiesAnswer{}, serve: a.proxies,
		},
		{
			method: "DELETE", path: "/api/v1/unreadable", summary: "Discard a stored value that the control plane cannot read", role: session.Admin,
			params: []param{
				{name: "table", in: "query", about: "Which table it is in, as the status says."},
				{name: "key", in: "query", about: "Its key there."},
			}, serve: a.discard,
		},
		{
			method: "GET", path: "/api/v1/pipeline", summary: "Telemetry received, queued, stored, dropped; and by tenant what was taken and refused", role: session.Viewer,
			result: pipelineAnswer{}, serve: a.pipeline,
		},
		{
			method: "GET", path: "/api/v1/openapi.json", summary: "This description",
			result: map[string]any{}, raw: func(c *gin.Context) { c.Data(http.StatusOK, "application/json", a.openapi) },
		},
		{method: "GET", path: "/healthz", summary: "This process is alive", result: "", raw: func(c *gin.Context) {
			c.String(http.StatusOK, "ok\n")
		}},
		{method: "GET", path: "/readyz", summary: "The mesh can serve", result: "", raw: a.ready},
	}
}
