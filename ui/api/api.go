package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"

	"github.com/sightline-mesh/sightline/ui/session"
)

// API is the HTTP surface of Sightline.
type API struct {
	// Set by New and never changed.
	deps    Deps
	log     *slog.Logger
	now     func() time.Time
	live    *live
	openapi []byte
	handler http.Handler

	signIns  *rate.Limiter               // of failed attempts
	sameSite *http.CrossOriginProtection // refuses changes that another site's page makes a browser send
}

// New makes the API. It starts nothing: the live stream flows while Run runs.
func New(d Deps) (*API, error) {
	if d.Sessions == nil || d.App == nil || d.Logger == nil {
		return nil, errors.New("make API: Sessions, App and Logger must be set")
	}
	a := &API{
		deps: d, log: d.Logger, now: d.Now,
		signIns:  rate.NewLimiter(rate.Every(2*time.Second), 5),
		sameSite: http.NewCrossOriginProtection(),
	}
	if a.now == nil {
		a.now = time.Now
	}
	a.live = newLive(d, a.log)
	app, err := newAssets(d.App)
	if err != nil {
		return nil, err
	}
	routes := a.routes()
	if a.openapi, err = describe(routes); err != nil {
		return nil, err
	}
	a.handler = a.engine(routes, app)
	return a, nil
}

// Handler serves the API and the web app.
func (a *API) Handler() http.Handler { return a.handler }

// Run feeds the live stream until ctx ends, and then ends the streams.
func (a *API) Run(ctx context.Context) error { return a.live.run(ctx) }

func (a *API) engine(routes []route, app *assets) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.ContextWithFallback = true // a gin.Context is then the request's context too
	e.UseRawPath, e.UnescapePathValues = true, true
	e.Use(a.recovered, secured)
	for _, r := range routes {
		e.Handle(r.method, r.ginPath(), a.guard(r), a.serve(r))
	}
	a.mount(e)
	e.NoMethod(func(c *gin.Context) {
		a.refuse(c, problem(http.StatusMethodNotAllowed, c.Request.Method+" is not for this path"))
	})
	e.NoRoute(func(c *gin.Context) {
		if isAPI(c.Request.URL.Path) {
			a.refuse(c, problem(http.StatusNotFound, "there is nothing at "+c.Request.URL.Path))
			return
		}
		app.serve(c)
	})
	return e
}

// mount adds the handlers that others made.
func (a *API) mount(e *gin.Engine) {
	if a.deps.Prometheus != nil {
		e.Any("/prometheus/*path", a.prometheus)
	}
	if a.deps.Jaeger != nil {
		e.GET("/jaeger/api/*path", a.guard(route{role: session.Viewer}), gin.WrapH(a.deps.Jaeger))
	}
	if a.deps.Tempo != nil {
		e.GET("/tempo/*path", a.guard(route{role: session.Viewer}), gin.WrapH(a.deps.Tempo))
	}
	if a.deps.Zipkin != nil {
		e.GET("/zipkin/api/*path", a.guard(route{role: session.Viewer}), gin.WrapH(a.deps.Zipkin))
	}
	if a.deps.Metrics != nil {
		e.GET("/metrics", gin.WrapH(a.deps.Metrics)) // counts of this process only: nothing to guard
	}
}

// prometheus serves Prometheus' API. Who may read may not write samples.
func (a *API) prometheus(c *gin.Context) {
	need, to := session.Viewer, a.deps.Prometheus
	if c.Param("path") == "/api/v1/write" && a.deps.RemoteWrite != nil {
		need, to = session.Operator, a.deps.RemoteWrite
	}
	if a.guard(route{role: need})(c); !c.IsAborted() {
		to.ServeHTTP(c.Writer, c.Request)
	}
}

// recovered turns a panic into a problem document and a log line.
func (a *API) recovered(c *gin.Context) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if err, ok := r.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(r) // net/http's own way to end a connection
		}
		a.log.ErrorContext(c, "handler panicked", "path", c.Request.URL.Path, "panic", r)
		if !c.Writer.Written() {
			a.refuse(c, problem(http.StatusInternalServerError, "an internal fault; the log has it"))
		}
	}()
	c.Next()
}
