package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// figures reads an actor's metrics page: name with labels → value.
func (a *actor) figures(ctx context.Context) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.admin+"/metrics", nil)
	if err != nil {
		return nil, fmt.Errorf("build request for metrics of %s: %w", a.name(), err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("read metrics of %s: %w", a.name(), err)
	}
	defer func() { _ = res.Body.Close() }()
	out := map[string]float64{}
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			out[name] = v
		}
	}
	return out, nil
}

// told sums what all sidecars say they made and dropped of one signal.
func told(figures []map[string]float64, signal string) Flow {
	var f Flow
	for _, m := range figures {
		for name, v := range m {
			if !strings.Contains(name, `signal="`+signal+`"`) {
				continue
			}
			switch base, _, _ := strings.Cut(name, "{"); base {
			case "sightline_telemetry_emitted_total":
				f.Sent += uint64(v)
			case "sightline_telemetry_dropped_total":
				f.Dropped += uint64(v)
			}
		}
	}
	return f
}

// misbehave tells the actor's app how to behave from now on.
func (a *actor) misbehave(ctx context.Context, behaviour any) error {
	b, err := json.Marshal(behaviour)
	if err != nil {
		return fmt.Errorf("encode fault: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+a.app+"/_fault", bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("build fault for %s: %w", a.name(), err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("inject fault into %s: %w", a.name(), err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusNoContent {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		return fmt.Errorf("inject fault into %s: status %d: %s", a.name(), res.StatusCode, text)
	}
	return nil
}

// resident is the resident memory of a process in MB, 0 when it is gone.
func resident(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()) >> 20
}
