package config

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Hedge says when each sidecar that calls a service sends a request, that has no answer
// yet and is safe to repeat, to another instance too.
type Hedge struct {
	Service mesh.ServiceName
	Hedge   mesh.Hedge
}

// The defaults of a Hedge that follows a percentile, and the bounds of its times.
const (
	hedgeMin, hedgeMax          = time.Millisecond, time.Second
	shortestHedge, longestHedge = time.Millisecond, 10 * time.Minute
)

// hedgeKind reads sightline.dev/v1alpha1's Hedge: Istio has no word for it. Requests
// with an idempotent method are safe to repeat, and the calls of gRPC that it names.
func hedgeKind() kind {
	everything := func(string) bool { return true }
	return kind{shape: hedgeShape, supports: everything, accepts: hedgeAccepts, fill: fillHedge}
}

func hedgeShape() shape {
	return object(map[string]shape{
		"service": text(), "after": duration(), "percentile": number(), "min": duration(), "max": duration(), "grpc": list(text()),
	})
}

var grpcCall = regexp.MustCompile(`^[A-Za-z_][\w.]*/(\w+|\w*\*)$`)

func hedgeAccepts(rule string, value any) string {
	switch rule {
	case "after", "min", "max":
		if d := durationOr(value, shortestHedge); d < shortestHedge || d > longestHedge {
			return show(value) + " is not between 1ms and 10m"
		}
	case "percentile":
		if n := numberOr(value, 1); n <= 0 || n >= 100 {
			return show(value) + " is not a percentile; want one above 0 and below 100, such as 95"
		}
	case "grpc":
		for _, call := range words(value) {
			if !grpcCall.MatchString(call) {
				return show(call) + ` is not a call of gRPC; want one such as "shop.Catalog/Get", or "shop.Catalog/*"`
			}
		}
	}
	return ""
}

// fillHedge reads a tree that hedgeShape has checked.
func fillHedge(o *Object, spec map[string]any) error {
	service, err := o.host(at[string](spec, "service"))
	if err != nil {
		return fmt.Errorf("service: %w", err)
	}
	h := mesh.Hedge{After: durationOr(spec["after"], 0), Percentile: numberOr(spec["percentile"], 0) / 100, GRPC: words(spec["grpc"])}
	_, min := spec["min"]
	_, max := spec["max"]
	switch {
	case (h.After > 0) == (h.Percentile > 0):
		return errors.New("want exactly one of after, such as 50ms, and percentile, such as 95")
	case h.After > 0 && (min || max):
		return errors.New("min and max bound a delay that follows a percentile; after is fixed, so leave them out")
	case h.Percentile > 0:
		h.Min, h.Max = durationOr(spec["min"], hedgeMin), durationOr(spec["max"], hedgeMax)
	}
	if h.Max < h.Min {
		return fmt.Errorf("max: %v is below min (%v); want it at or above", h.Max, h.Min)
	}
	o.Hedge = &Hedge{Service: service, Hedge: h}
	return nil
}

func (v *validator) hedge(h *Hedge) {
	v.onlyOne(v.hedges, h.Service)
	if n, runs := v.world.Services[h.Service]; !runs && !v.world.Unknown {
		v.find(CodeHost, "spec.service", "%s", v.world.absent(h.Service, ""))
	} else if len(n) == 1 {
		v.warn("spec.service", "%q has one instance: there is no other to ask", h.Service)
	}
}
