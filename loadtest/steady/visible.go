package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/proxy/emit"
)

const (
	probeEvery = 5 * time.Second
	probeLook  = 25 * time.Millisecond // from one search for it to the next
	probeLimit = 30 * time.Second
)

// probing sends a span of its own now and then, and looks how long it takes from its
// acknowledgement until a search for its attribute finds it.
type probing struct {
	otlp  string
	store *clickhouse.Store

	took []time.Duration
	err  error // the last
}

// run probes until ctx ends.
func (p *probing) run(ctx context.Context) {
	p.err = again(ctx, probeEvery, func(ctx context.Context) error {
		took, err := p.probe(ctx)
		if err == nil {
			p.took = append(p.took, took)
		}
		return err
	})
}

// probe is one OTLP request in JSON, as any program may send it.
const probe = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"probe"}}]},
"scopeSpans":[{"spans":[{"traceId":%q,"spanId":%q,"name":"probe","kind":1,"startTimeUnixNano":"%d","endTimeUnixNano":"%d",
"attributes":[{"key":"probe.id","value":{"stringValue":%q}}]}]}]}]}`

func (p *probing) probe(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	trace, now := emit.NewTrace(), time.Now()
	body := fmt.Sprintf(probe, trace.ID, trace.Span, now.UnixNano(), now.UnixNano()+1, trace.ID)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.otlp+"/v1/traces", bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("send a probe: %w", err)
	}
	text, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("send a probe: %s: %s", res.Status, text)
	}
	sent := time.Now()
	query := signal.TraceQuery{Text: "probe.id=" + trace.ID.String(), Start: now.Add(-time.Minute), End: now.Add(time.Minute), Limit: 1}
	for {
		page, err := p.store.SearchTraces(ctx, query)
		if err != nil {
			return 0, fmt.Errorf("look for a probe: %w", err)
		}
		if len(page.Traces) > 0 {
			return time.Since(sent), nil
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("a probe was not found within %s", probeLimit)
		case <-time.After(probeLook):
		}
	}
}
