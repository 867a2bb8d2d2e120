package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/ui/session"
)

var errTapEnds = errors.New("the stream is over")

// tapParams are what GET /api/v1/tap takes.
func tapParams() []param {
	return []param{
		{name: "service", in: "query", kind: label, about: "Whose sidecars tell; required."},
		{name: "version", in: "query", about: "Only the sidecars of this version."},
		{name: "instance", in: "query", about: "Only the sidecar of this instance."},
		{name: "direction", in: "query", oneOf: []string{mesh.InboundTap, mesh.OutboundTap}, about: "Only requests to the service, or from it."},
		{name: "peer", in: "query", kind: label, about: "Only requests from or to this service."},
		{name: "peerVersion", in: "query", about: "Only of this version of it."},
		{name: "method", in: "query", about: "Only this method."},
		{name: "path", in: "query", about: "Only paths that begin so."},
		{name: "authority", in: "query", about: "Only this host, as the caller wrote it."},
		{name: "status", in: "query", about: "Only this status, 503, or class, 5xx."},
		{name: "maxRps", in: "query", kind: count, max: mesh.MaxTapRate, about: "At most so many per second; 100 when missing. The rest is counted."},
		{name: "headers", in: "query", kind: flag, about: "Tell of header fields. Secret ones come without their value."},
	}
}

// tapParam are the parameters of fields of mesh.Tap that have other names.
var tapParam = map[string]string{"target.service": "service", "perSecond": "maxRps"}

func tapOf(c *gin.Context) mesh.Tap {
	return mesh.Tap{
		Target: mesh.Target{
			Service: mesh.ServiceName(c.Query("service")), Version: mesh.Version(c.Query("version")), Instance: mesh.InstanceID(c.Query("instance")),
		},
		Direction: c.Query("direction"), Peer: mesh.ServiceName(c.Query("peer")), PeerVersion: mesh.Version(c.Query("peerVersion")),
		Method: c.Query("method"), Path: c.Query("path"), Authority: c.Query("authority"), Status: c.Query("status"),
		PerSecond: uint32(intParam(c, "maxRps", 0)), Headers: c.Query("headers") == "true",
	}
}

// tap serves GET /api/v1/tap: server-sent events, request for each and status once a
// second.
func (a *API) tap(c *gin.Context) {
	if a.deps.Tap == nil {
		a.refuse(c, missingPart("the control plane"))
		return
	}
	asked := tapOf(c)
	if fault := asked.Fault(); fault != "" {
		field, message, _ := strings.Cut(fault, ": ")
		if name := tapParam[field]; name != "" {
			field = name
		}
		a.refuse(c, badField(field, message))
		return
	}
	ctx, end := context.WithCancel(c.Request.Context())
	defer end()
	defer context.AfterFunc(a.live.life, end)()
	begun := false
	err := a.deps.Tap(ctx, asked, userOf(c).Name, func(l mesh.TapLine) error {
		if !begun {
			begun = true
			h := c.Writer.Header()
			h.Set("Content-Type", "text/event-stream")
			h.Set("X-Accel-Buffering", "no") // a proxy in front must not hold events back
			c.Writer.WriteHeader(http.StatusOK)
		}
		return a.tellTap(c, l)
	})
	if err != nil && !begun {
		a.refuse(c, fmt.Errorf("tap %s: %w", asked.Target, err))
	}
}

func (a *API) tellTap(c *gin.Context, l mesh.TapLine) error {
	name, value := "request", any(l.Request)
	if l.Status != nil {
		name, value = "status", l.Status
		if u, _ := a.deps.Sessions.User(c.Request); !u.Role.Allows(session.Operator) {
			return errTapEnds // signed out since
		}
	}
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	return a.write(c, fmt.Sprintf("event: %s\ndata: %s\n\n", name, b))
}
