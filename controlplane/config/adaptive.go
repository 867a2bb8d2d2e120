package config

import (
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// The defaults of a RateLimit's inFlight.adaptive; all but the intervals are Envoy's.
const (
	adaptivePercentile  = 50
	adaptiveMost        = 1000
	adaptiveInterval    = 100 * time.Millisecond
	minRTTInterval      = 60 * time.Second
	minRTTRequests      = 50
	minRTTConcurrency   = 3
	minRTTJitter        = 15
	minRTTBuffer        = 25
	mostAdaptive        = 1_000_000
	mostMinRTTRequests  = 100_000
	shortest, longestOf = 10 * time.Millisecond, 24 * time.Hour
)

func adaptiveShape() shape {
	return object(map[string]shape{
		"percentile": number(), "maxRequests": whole(1, mostAdaptive), "interval": duration(),
		"minRTT": object(map[string]shape{
			"fixed": duration(), "interval": duration(), "requests": whole(1, mostMinRTTRequests),
			"concurrency": whole(1, mostAdaptive), "jitter": number(), "buffer": number(),
		}),
	})
}

// adaptiveAccepts says what is wrong with the value of a field.
func adaptiveAccepts(field string, value any) string {
	d, n := durationOr(value, shortest), numberOr(value, 1)
	outside := false
	want := ""
	switch field {
	case "interval", "minRTT.interval":
		outside, want = d < shortest || d > longestOf, " is not between 10ms and 24h"
	case "minRTT.fixed":
		outside, want = d < time.Microsecond || d > time.Hour, " is not between 1us and 1h"
	case "percentile":
		outside, want = !percent(n), " is not a percentile; want one above 0 and up to 100, such as 50 or 95"
	case "minRTT.jitter", "minRTT.buffer":
		outside, want = !percent(n), " is not a share; want percent, above 0 and up to 100"
	}
	if !outside {
		return ""
	}
	return show(value) + want
}

func percent(n float64) bool { return n > 0 && n <= 100 }

// adaptive reads what adaptiveShape has checked; nil when there is none. Without any
// field set it is on, with the defaults.
func adaptive(inFlight map[string]any) *mesh.Adaptive {
	spec, ok := inFlight["adaptive"].(map[string]any)
	if !ok {
		return nil
	}
	rtt, _ := spec["minRTT"].(map[string]any)
	return &mesh.Adaptive{
		Percentile:  numberOr(spec["percentile"], adaptivePercentile) / 100,
		MaxRequests: wholeOr(spec["maxRequests"], adaptiveMost),
		Interval:    durationOr(spec["interval"], adaptiveInterval),
		MinRTT: mesh.MinRTT{
			Fixed: durationOr(rtt["fixed"], 0), Interval: durationOr(rtt["interval"], minRTTInterval),
			Requests: wholeOr(rtt["requests"], minRTTRequests), Concurrency: wholeOr(rtt["concurrency"], minRTTConcurrency),
			Jitter: numberOr(rtt["jitter"], minRTTJitter) / 100, Buffer: numberOr(rtt["buffer"], minRTTBuffer) / 100,
		},
	}
}

// numberOr is a number as YAML has it, or otherwise where there is none.
func numberOr(v any, otherwise float64) float64 {
	switch v := v.(type) {
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case uint64:
		return float64(v)
	case float64:
		return v
	}
	return otherwise
}

func (v *validator) adaptiveBounds(a *mesh.Adaptive, at string) {
	if a.MinRTT.Concurrency > a.MaxRequests {
		v.fault(at+".minRTT.concurrency", "%d is above maxRequests (%d); want it at or below", a.MinRTT.Concurrency, a.MaxRequests)
	}
	if a.MinRTT.Interval < a.Interval {
		v.fault(at+".minRTT.interval", "%v is below the interval of %v between two changes of the limit; want it above", a.MinRTT.Interval, a.Interval)
	}
}
