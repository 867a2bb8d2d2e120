package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Window is what stands for the range in an SLO's queries.
const Window = "{{.window}}"

// sloKind reads OpenSLO v1's SLO: one ratio of events over a rolling window.
func sloKind() kind {
	return kind{shape: sloShape, supports: sloSupports, refuses: sloRefuses, accepts: sloAccepts, fill: fillSLO}
}

// sloShape is the specification of an SLO as OpenSLO v1 gives it.
func sloShape() shape {
	anything := shape{want: "a value", fits: func(any) bool { return true }}
	metadata := object(map[string]shape{"name": text(), "displayName": text(), "labels": dict(text()), "annotations": dict(text())})
	source := object(map[string]shape{"metricSource": object(map[string]shape{
		"type": text(), "metricSourceRef": text(), "spec": object(map[string]shape{"query": text()}),
	})})
	ratio := object(map[string]shape{
		"counter": boolean(), "good": source, "bad": source, "total": source, "raw": source, "rawType": text(),
	})
	indicator := object(map[string]shape{
		"metadata": metadata,
		"spec":     object(map[string]shape{"description": text(), "ratioMetric": ratio, "thresholdMetric": anything}),
	})
	window := object(map[string]shape{"duration": text(), "isRolling": boolean(), "calendar": anything})
	objective := object(map[string]shape{
		"displayName": text(), "target": number(), "targetPercent": number(), "op": text(), "value": number(),
		"timeSliceTarget": number(), "timeSliceWindow": text(), "indicator": anything, "indicatorRef": text(),
		"compositeWeight": number(),
	})
	return object(map[string]shape{
		"description": text(), "service": text(), "indicator": indicator, "indicatorRef": text(),
		"timeWindow": list(window), "budgetingMethod": oneOf([]string{"Occurrences", "Timeslices", "RatioTimeslices"}),
		"objectives": list(objective), "alertPolicies": list(anything),
	})
}

func sloSupports(rule string) bool {
	switch rule {
	case "indicatorRef", "alertPolicies", "indicator.spec.thresholdMetric",
		"indicator.spec.ratioMetric.raw", "indicator.spec.ratioMetric.rawType",
		"timeWindow.calendar", "objectives.op", "objectives.value", "objectives.timeSliceTarget",
		"objectives.timeSliceWindow", "objectives.indicator", "objectives.indicatorRef", "objectives.compositeWeight":
		return false
	}
	return !strings.HasSuffix(rule, ".metricSource.metricSourceRef")
}

func sloAccepts(rule string, value any) string {
	switch {
	case rule == "budgetingMethod" && value != "Occurrences":
		return show(value) + " is not supported: budgets are counted in events, so that a quiet hour weighs little; want Occurrences"
	case rule == "timeWindow" && length(value) != 1, rule == "objectives" && length(value) != 1:
		return fmt.Sprintf("has %d entries; want exactly one", length(value))
	case rule == "timeWindow.isRolling" && value == false:
		return "false is not supported: " + sloRefusals["timeWindow.calendar"]
	case rule == "timeWindow.duration":
		if _, err := sloWindow(value); err != nil {
			return err.Error()
		}
	case strings.HasSuffix(rule, ".metricSource.type") && value != "Prometheus":
		return show(value) + " is not a source the mesh has; want Prometheus"
	}
	return ""
}

func length(value any) int {
	items, _ := value.([]any)
	return len(items)
}

// fillSLO reads a tree that sloShape has checked.
func fillSLO(o *Object, spec map[string]any) error {
	host := at[string](spec, "service")
	service, err := o.host(host)
	if err != nil {
		return fmt.Errorf("service: %w", err)
	}
	ratio := at[map[string]any](spec, "indicator", "spec", "ratioMetric")
	windows, objectives := at[[]any](spec, "timeWindow"), at[[]any](spec, "objectives")
	switch {
	case ratio == nil:
		return errors.New("indicator.spec.ratioMetric is missing; want good or bad, and total")
	case len(windows) == 0:
		return errors.New("timeWindow is missing; want one, such as duration: 30d")
	case len(objectives) == 0:
		return errors.New("objectives is missing; want one with a target such as 0.99")
	}
	window, err := sloWindow(at[any](windows[0], "duration"))
	if err != nil {
		return fmt.Errorf("timeWindow[0].duration: %w", err)
	}
	objective, err := target(objectives[0])
	if err != nil {
		return fmt.Errorf("objectives[0]: %w", err)
	}
	query := func(name string) string { return at[string](ratio, name, "metricSource", "spec", "query") }
	o.SLO = &mesh.SLO{
		Name: o.Name, Namespace: o.Namespace, Service: service, Description: at[string](spec, "description"),
		Objective: objective, Window: window, Good: query("good"), Bad: query("bad"), Total: query("total"),
	}
	return nil
}

func target(objective any) (float64, error) {
	share, percent := at[any](objective, "target"), at[any](objective, "targetPercent")
	switch {
	case share != nil && percent != nil:
		return 0, errors.New("target cannot stand beside targetPercent; keep one")
	case share != nil:
		return float(share), nil
	case percent != nil:
		return float(percent) / 100, nil
	}
	return 0, errors.New("target is missing; want a share such as 0.99")
}

func float(v any) float64 {
	switch v := v.(type) {
	case int:
		return float64(v)
	case float64:
		return v
	}
	return 0
}

// sloWindow reads OpenSLO's durations: a whole number and one of m, h, d, w.
func sloWindow(value any) (time.Duration, error) {
	wrong := fmt.Errorf("%s is not a window; want a whole number and m, h, d or w, such as 30d, and at most 366d", show(value))
	s, _ := value.(string)
	if len(s) < 2 {
		return 0, wrong
	}
	const day = 24 * time.Hour
	units := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': day, 'w': 7 * day}
	unit := units[s[len(s)-1]]
	n, err := strconv.ParseInt(s[:len(s)-1], 10, 32)
	if err != nil || unit == 0 || n <= 0 || n > int64(366*day/unit) {
		return 0, wrong
	}
	return time.Duration(n) * unit, nil
}

// at is the value of type T at a path of objects; the zero T where there is none.
func at[T any](v any, path ...string) T {
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	t, _ := v.(T)
	return t
}
