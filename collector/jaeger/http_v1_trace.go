package jaeger

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// v1Trace is a trace as Jaeger's UI has it. Times are microseconds.
type v1Trace struct {
	TraceID   string               `json:"traceID"`
	Spans     []v1Span             `json:"spans"`
	Processes map[string]v1Process `json:"processes"`
	Warnings  []string             `json:"warnings"`
}

type v1Span struct {
	TraceID       string        `json:"traceID"`
	SpanID        string        `json:"spanID"`
	OperationName string        `json:"operationName"`
	References    []v1Reference `json:"references"`
	StartTime     int64         `json:"startTime"`
	Duration      int64         `json:"duration"`
	Tags          []v1Tag       `json:"tags"`
	Logs          []v1Log       `json:"logs"`
	ProcessID     string        `json:"processID"`
	Warnings      []string      `json:"warnings"`
}

type v1Reference struct {
	RefType string `json:"refType"`
	TraceID string `json:"traceID"`
	SpanID  string `json:"spanID"`
}

type v1Process struct {
	ServiceName string  `json:"serviceName"`
	Tags        []v1Tag `json:"tags"`
}

type v1Tag struct {
	Key   string `json:"key"`
	Type  string `json:"type"`
	Value any    `json:"value"`
}

type v1Log struct {
	Timestamp int64   `json:"timestamp"`
	Fields    []v1Tag `json:"fields"`
}

func traceOf(spans []clickhouse.StoredSpan) v1Trace {
	t := v1Trace{TraceID: spans[0].TraceID, Processes: map[string]v1Process{}}
	known := map[string]string{} // to the id of the process
	for i := range spans {
		s := &spans[i]
		p := processOf(s)
		key := p.key()
		id, ok := known[key]
		if !ok {
			id = "p" + strconv.Itoa(len(known)+1)
			known[key], t.Processes[id] = id, p
		}
		t.Spans = append(t.Spans, spanOf(s, id))
	}
	return t
}

func processOf(s *clickhouse.StoredSpan) v1Process {
	p := v1Process{ServiceName: s.Service, Tags: []v1Tag{}}
	all := maps.Clone(s.Resource)
	if all == nil {
		all = map[string]any{}
	}
	for k, v := range map[string]string{signal.KeyNamespace: s.Namespace, signal.KeyVersion: s.Version, signal.KeyInstance: s.Instance} {
		if v != "" {
			all[k] = v
		}
	}
	p.Tags = tags(all)
	return p
}

func (p v1Process) key() string {
	var b strings.Builder
	b.WriteString(p.ServiceName)
	for _, t := range p.Tags {
		fmt.Fprintf(&b, "\x00%s\x00%s %v", t.Key, t.Type, t.Value)
	}
	return b.String()
}

func spanOf(s *clickhouse.StoredSpan, process string) v1Span {
	out := v1Span{
		TraceID: s.TraceID, SpanID: s.SpanID, OperationName: s.Name, References: []v1Reference{},
		StartTime: s.Start.UnixMicro(), Duration: s.DurationNS / 1000, Tags: tags(s.Attributes), Logs: []v1Log{}, ProcessID: process,
	}
	if s.ParentID != "" {
		out.References = append(out.References, v1Reference{"CHILD_OF", s.TraceID, s.ParentID})
	}
	for _, l := range s.Links {
		out.References = append(out.References, v1Reference{"FOLLOWS_FROM", l.TraceID, l.SpanID})
	}
	add := func(key string, value string) {
		if value != "" {
			out.Tags = append(out.Tags, v1Tag{key, "string", value})
		}
	}
	if s.Kind != "unspecified" {
		add("span.kind", s.Kind)
	}
	switch s.Status {
	case statusError:
		out.Tags = append(out.Tags, v1Tag{"error", "bool", true})
		add("otel.status_code", "ERROR")
	case "ok":
		add("otel.status_code", "OK")
	}
	add("otel.status_description", s.StatusMessage)
	add("otel.scope.name", s.Scope)
	add("w3c.tracestate", s.TraceState)
	for _, e := range s.Events {
		fields := append([]v1Tag{{"event", "string", e.Name}}, tags(e.Attributes)...)
		out.Logs = append(out.Logs, v1Log{e.Time.UnixMicro(), fields})
	}
	return out
}

func tags(attributes map[string]any) []v1Tag {
	all := make([]v1Tag, 0, len(attributes))
	for _, k := range slices.Sorted(maps.Keys(attributes)) {
		kind, value := "string", signal.JSONValue(attributes[k])
		switch v := value.(type) {
		case []byte:
			kind = "binary" // encoding/json writes base64, as Jaeger does
		case []any, map[string]any:
			b, err := json.Marshal(v)
			if err == nil {
				value = string(b)
			}
		case nil:
			value = ""
		}
		switch attributes[k].(type) {
		case int64:
			kind = "int64" // as text where it is beyond what a browser's numbers hold
		case float64:
			kind = "float64"
		case bool:
			kind = "bool"
		}
		all = append(all, v1Tag{k, kind, value})
	}
	return all
}
