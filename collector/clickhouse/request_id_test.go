package clickhouse

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
)

const (
	requestTrace = "0123456789abcdef0123456789abcdef"
	requestAsID  = "01234567-89ab-cdef-0123-456789abcdef"
)

func TestTraceOfRequest(t *testing.T) {
	for id, want := range map[string]string{
		requestAsID:                            requestTrace,
		requestTrace:                           "", // not how a sidecar spells it
		strings.ToUpper(requestAsID):           "",
		"0123-456789ab-cdef-0123-456789abcdef": "",
		"00000000-0000-0000-0000-000000000000": "",
		"mine":                                 "",
		"":                                     "",
	} {
		if got := traceOfRequest(id); got != want {
			t.Errorf("%q: got %q, want %q", id, got, want)
		}
	}
}

// Rows whose request was named as its trace are found by that id and say it, as do the rows
// of an earlier version, which were stored with it, and those with an id of their own.
func TestRequestIDIsOftenTheTrace(t *testing.T) {
	s := openMigrated(t)
	now := time.Now().UTC().Truncate(time.Second)
	trace, other := TraceID{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}, TraceID{1}
	rows := []LogRow{
		{TraceID: trace, Access: true, Hop: Hop{RequestID: requestAsID}, Body: "as the trace"},
		{TraceID: other, Access: true, Hop: Hop{RequestID: requestAsID}, Body: "of another trace"},
		{TraceID: trace, Access: true, Hop: Hop{RequestID: "mine"}, Body: "named by the client"},
		{TraceID: trace, Body: "an app's"},
		{TraceID: trace, Hop: Hop{RequestID: requestAsID}, Body: "an app's that says the id"},
	}
	for i := range rows {
		rows[i].Time = now.Add(-time.Duration(i) * time.Second)
	}
	if err := s.InsertLogs(t.Context(), "a", rows); err != nil {
		t.Fatal(err)
	}
	if n := count(t, s, "SELECT count() FROM logs WHERE request_id = ''"); n != 2 {
		t.Errorf("%d rows are stored without an id, want 2: the first and an app's", n)
	}
	for name, c := range map[string]struct {
		ask  signal.LogQuery
		want []string
	}{
		"by id":          {signal.LogQuery{RequestID: requestAsID}, []string{"as the trace", "of another trace", "an app's that says the id"}},
		"by own id":      {signal.LogQuery{RequestID: "mine"}, []string{"named by the client"}},
		"by filter":      {signal.LogQuery{Filter: `request_id = "` + requestAsID + `"`}, []string{"as the trace", "of another trace", "an app's that says the id"}},
		"by its absence": {signal.LogQuery{Filter: `NOT request_id exists`}, []string{"an app's"}},
		"by not":         {signal.LogQuery{Filter: `request_id != "` + requestAsID + `"`}, []string{"named by the client"}},
		"by a part":      {signal.LogQuery{Filter: `request_id =~ "^01234567-89ab-"`}, []string{"as the trace", "of another trace", "an app's that says the id"}},
		"by text":        {signal.LogQuery{Filter: `"` + requestAsID + `"`}, []string{"as the trace", "of another trace", "an app's that says the id"}},
		"of another one": {signal.LogQuery{RequestID: "11234567-89ab-cdef-0123-456789abcdef"}, nil},
	} {
		page, err := s.Logs(t.Context(), c.ask)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []string
		for _, l := range page.Logs {
			got = append(got, l.Body)
			if i := slices.IndexFunc(rows, func(r LogRow) bool { return r.Body == l.Body }); l.RequestID != rows[i].RequestID {
				t.Errorf("%s: %q has the id %q, want %q", name, l.Body, l.RequestID, rows[i].RequestID)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
	if n := count(t, s, "SELECT count() FROM otel_logs WHERE LogAttributes['sightline.request_id'] = '"+requestAsID+"'"); n != 3 {
		t.Errorf("the view has %d rows of the request, want 3", n)
	}
}

// A request among many is found by the indexes, whichever of the ids it has.
func TestRequestIDUsesIndexes(t *testing.T) {
	s := openMigrated(t)
	c := condition{schema: logSchema}
	sql := requestIDOrTrace(&c, requestAsID)
	if err := s.conn.Exec(t.Context(), `INSERT INTO logs (time, trace_id, access, service, request_id)
		SELECT now64(9), toFixedString(reinterpretAsString(sipHash128(number)), 16), 1, 'a', if(number % 2 = 0, '', hex(sipHash128(number))) FROM numbers(200000)`); err != nil {
		t.Fatal(err)
	}
	plan, err := collect(t.Context(), s, "EXPLAIN indexes = 1 SELECT count() FROM logs WHERE "+sql, one[string], c.params)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range plan {
		if strings.Contains(line, "Granules: 0/") {
			return
		}
	}
	t.Errorf("granules without the request are read:\n%s", strings.Join(plan, "\n"))
}
