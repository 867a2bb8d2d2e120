package config

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// HealthCheck says how each sidecar that calls a service asks its instances whether
// they are well.
type HealthCheck struct {
	Service mesh.ServiceName
	Check   mesh.HealthCheck
}

// The defaults of a HealthCheck.
const (
	checkInterval  = 10 * time.Second
	checkTimeout   = time.Second
	checkNoTraffic = 60 * time.Second
	checkHealthy   = 1
	checkUnhealthy = 2
)

// healthCheckKind reads sightline.dev/v1alpha1's HealthCheck, for what no ecosystem's
// language has a word for: Istio leaves it to Kubernetes, Gateway API to nobody.
func healthCheckKind() kind {
	everything := func(string) bool { return true }
	return kind{shape: healthCheckShape, supports: everything, accepts: healthCheckAccepts, fill: fillHealthCheck}
}

func healthCheckShape() shape {
	return object(map[string]shape{
		"service": text(),
		"http":    object(map[string]shape{"path": text(), "host": text(), "expectedStatuses": list(text())}),
		"grpc":    object(map[string]shape{"service": text()}),
		"tcp":     object(nil),

		"interval": duration(), "timeout": duration(), "noTrafficInterval": duration(),
		"port": whole(1, 65535),

		"healthyThreshold": whole(1, 100), "unhealthyThreshold": whole(1, 100),
	})
}

func healthCheckAccepts(rule string, value any) string {
	switch rule {
	case "interval", "timeout", "noTrafficInterval":
		s, _ := value.(string)
		if d, err := time.ParseDuration(s); err == nil && (d < 10*time.Millisecond || d > 24*time.Hour) {
			return show(value) + " is not between 10ms and 24h"
		}
	case "http.path":
		if s, _ := value.(string); !strings.HasPrefix(s, "/") || strings.ContainsAny(s, " \t\r\n#") {
			return show(value) + ` is not a path; want one such as "/healthz"`
		}
	case "http.host":
		if s, _ := value.(string); s == "" || strings.ContainsAny(s, " \t\r\n/") {
			return show(value) + " is not a host"
		}
	}
	return ""
}

// fillHealthCheck reads a tree that healthCheckShape has checked.
func fillHealthCheck(o *Object, spec map[string]any) error {
	service, err := o.host(at[string](spec, "service"))
	if err != nil {
		return fmt.Errorf("service: %w", err)
	}
	c := mesh.HealthCheck{
		Interval:          durationOr(spec["interval"], checkInterval),
		Timeout:           durationOr(spec["timeout"], checkTimeout),
		NoTrafficInterval: durationOr(spec["noTrafficInterval"], checkNoTraffic),
		Healthy:           wholeOr(spec["healthyThreshold"], checkHealthy),
		Unhealthy:         wholeOr(spec["unhealthyThreshold"], checkUnhealthy),
		Port:              uint16(wholeOr(spec["port"], 0)),
	}
	ways := 0
	if http, ok := spec["http"].(map[string]any); ok {
		ways++
		if c.HTTP, err = httpCheck(http, service); err != nil {
			return fmt.Errorf("http.%w", err)
		}
	}
	if _, ok := spec["grpc"].(map[string]any); ok {
		ways++
		c.GRPC = &mesh.GRPCCheck{Service: at[string](spec, "grpc", "service")}
	}
	if _, ok := spec["tcp"].(map[string]any); ok {
		ways++
		c.TCP = true
	}
	if ways != 1 {
		return errors.New("want exactly one of http, grpc and tcp: {}")
	}
	o.HealthCheck = &HealthCheck{Service: service, Check: c}
	return nil
}

func httpCheck(spec map[string]any, service mesh.ServiceName) (*mesh.HTTPCheck, error) {
	c := &mesh.HTTPCheck{Path: at[string](spec, "path"), Host: at[string](spec, "host")}
	if c.Path == "" {
		return nil, errors.New(`path: is missing; want one such as "/healthz"`)
	}
	if c.Host == "" {
		c.Host = string(service)
	}
	for i, one := range at[[]any](spec, "expectedStatuses") {
		s, _ := one.(string)
		r, err := statusRange(s)
		if err != nil {
			return nil, fmt.Errorf("expectedStatuses[%d]: %w", i, err)
		}
		c.Statuses = append(c.Statuses, r)
	}
	if len(c.Statuses) == 0 {
		c.Statuses = []mesh.StatusRange{{From: 200, To: 299}}
	}
	return c, nil
}

var statuses = regexp.MustCompile(`^([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?$`)

func statusRange(s string) (mesh.StatusRange, error) {
	m := statuses.FindStringSubmatch(s)
	if m == nil {
		return mesh.StatusRange{}, fmt.Errorf(`%q is not a status; want one such as "204" or a range such as "200-299"`, s)
	}
	from, _ := strconv.Atoi(m[1])
	to := from
	if m[2] != "" {
		to, _ = strconv.Atoi(m[2])
	}
	if to < from {
		return mesh.StatusRange{}, fmt.Errorf("%q ends before it begins", s)
	}
	return mesh.StatusRange{From: from, To: to}, nil
}

func durationOr(v any, otherwise time.Duration) time.Duration {
	s, _ := v.(string)
	if d, err := time.ParseDuration(s); err == nil {
		return d
	}
	return otherwise
}

func wholeOr(v any, otherwise int) int {
	if i, ok := v.(int); ok && i < math.MaxInt32 {
		return i
	}
	return otherwise
}

func (v *validator) healthCheck(h *HealthCheck) {
	v.onlyOne(v.checks, h.Service)
	if _, runs := v.world.Services[h.Service]; !runs && !v.world.Unknown {
		v.find(CodeHost, "spec.service", "%s", v.world.absent(h.Service, ""))
	}
	if h.Check.Port != 0 {
		v.servicePort(h.Service, uint32(h.Check.Port), "spec.port")
	}
	if h.Check.Timeout > h.Check.Interval {
		v.warn("spec.timeout", "%v is longer than the interval of %v: an instance is asked again only after it answered", h.Check.Timeout, h.Check.Interval)
	}
}
