package rules

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/clickhouse/clickhousetest"
	"github.com/sightline-mesh/sightline/collector/promql"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const patience = time.Minute

// posted is an alert as an Alertmanager receives it.
type posted struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
	Generator   string            `json:"generatorURL"`
}

// alertmanager takes alerts as version 2 of Alertmanager's API does.
func alertmanager(t *testing.T) (base string, alerts <-chan posted) {
	t.Helper()
	got := make(chan posted, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var all []posted
		if err := json.NewDecoder(r.Body).Decode(&all); err != nil || r.URL.Path != "/am/api/v2/alerts" {
			http.Error(w, "bad request", http.StatusBadRequest)
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		for _, a := range all {
			got <- a
		}
	}))
	t.Cleanup(s.Close)
	return s.URL + "/am", got
}

// start runs rules until the returned function is called.
func start(t *testing.T, r *Rules) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// insertErrors makes half of 100 requests a second fail, for so many seconds until now.
func insertErrors(t *testing.T, s *clickhouse.Store, seconds int) {
	t.Helper()
	from := time.Now().Add(-time.Duration(seconds) * time.Second)
	var rows []clickhouse.REDRow
	for i := range seconds {
		k := clickhouse.REDKey{
			Time: from.Add(time.Duration(i) * time.Second).Truncate(time.Second).UTC(), Reporter: signal.Source,
			Source: "checkout", Destination: "payments", GRPCStatus: -1, Protocol: "http/1.1",
		}
		ok, bad := k, k
		ok.Status, bad.Status = 200, 503
		rows = append(rows, clickhouse.REDRow{REDKey: ok, Requests: 50}, clickhouse.REDRow{REDKey: bad, Requests: 50, Failed: 50})
	}
	if err := s.InsertRED(t.Context(), "errors", rows); err != nil {
		t.Fatal(err)
	}
}

// TestSLO breaks an objective, sees the alert arrive and end, and reads the budget. The
// windows are seconds where they would be hours.
func TestSLO(t *testing.T) {
	s := clickhousetest.Open(t, storetest.Start(t))
	insertErrors(t, s, 30)
	base, alerts := alertmanager(t)
	r, err := New(Config{
		Alertmanager: base, ExternalURL: "http://mesh.example", Interval: 200 * time.Millisecond,
		Windows: []Window{{Page, 0.02, 20 * time.Second, 5 * time.Second}},
	}, Deps{Engine: promql.New(promql.Config{}, s), Samples: s})
	if err != nil {
		t.Fatal(err)
	}
	o := objective()
	o.Objective, o.Window = 0.99, 10*time.Minute
	if err := r.SetSLOs([]mesh.SLO{o}); err != nil {
		t.Fatal(err)
	}
	if st := r.SLOs(); len(st) != 1 || st[0].Known {
		t.Errorf("before the first evaluation: got %+v", st)
	}
	start(t, r)

	fired := next(t, alerts, func(a posted) bool { return a.EndsAt.After(time.Now()) })
	if fired.Labels["alertname"] != "SLOBurnRate" || fired.Labels["severity"] != "page" || fired.Labels["service"] != "payments" ||
		!strings.HasPrefix(fired.Generator, "http://mesh.example/graph?") || !strings.Contains(fired.Annotations["description"], "50%") {
		t.Errorf("got %+v", fired)
	}
	if active := r.Alerts(); len(active) != 1 || active[0].State != "firing" || active[0].Firing == nil || active[0].SLO != "availability" {
		t.Errorf("alerts: got %+v", active)
	}
	st := r.SLOs()[0]
	if !st.Known || st.State != Page || st.BudgetLeft > -40 || st.ErrorShare < 0.4 || len(st.Burn) != 3 || st.Burn[0].Rate < 40 || st.Burn[0].Limit != 0.6 {
		t.Errorf("status: got %+v", st)
	}
	next(t, alerts, func(a posted) bool { return !a.EndsAt.After(time.Now()) }) // nothing fails any more
}

func next(t *testing.T, alerts <-chan posted, want func(posted) bool) posted {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case a := <-alerts:
			if want(a) {
				return a
			}
		case <-deadline:
			t.Fatal("the Alertmanager was not told in time")
		}
	}
}

// TestFewErrorsAlertNobody is one failure of two requests in a quiet night.
func TestFewErrorsAlertNobody(t *testing.T) {
	s := clickhousetest.Open(t, storetest.Start(t))
	at := time.Now().Add(-3 * time.Second).Truncate(time.Second).UTC()
	k := clickhouse.REDKey{Time: at, Reporter: signal.Source, Source: "checkout", Destination: "payments", GRPCStatus: -1, Status: 503}
	if err := s.InsertRED(t.Context(), "one", []clickhouse.REDRow{{REDKey: k, Requests: 4, Failed: 4}}); err != nil {
		t.Fatal(err)
	}
	r, err := New(Config{Interval: 100 * time.Millisecond, Windows: []Window{{Page, 0.02, 30 * time.Second, 30 * time.Second}}}, Deps{Engine: promql.New(promql.Config{}, s), Samples: s})
	if err != nil {
		t.Fatal(err)
	}
	o := objective()
	o.Window = time.Minute
	if err := r.SetSLOs([]mesh.SLO{o}); err != nil {
		t.Fatal(err)
	}
	start(t, r)
	eventually(t, "the objective is evaluated", func() bool { return r.SLOs()[0].Known })
	if got := r.Alerts(); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
}

// TestForSurvivesARestart stops an alert that is pending, and the store with it, and
// starts both again.
func TestForSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	server := storetest.Open(t, dir)
	file := filepath.Join(t.TempDir(), "rules.yaml")
	text := `groups: [{name: g, interval: 200ms, rules: [{record: one, expr: vector(1)}, {alert: Always, expr: one > 0, for: 1h, labels: {severity: page}}]}]`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	open := func() (*Rules, *watched) {
		s := clickhousetest.Open(t, server.DSN())
		kept := &watched{Samples: s}
		r, err := New(Config{Files: []string{file}}, Deps{Engine: promql.New(promql.Config{}, s), Samples: kept})
		if err != nil {
			t.Fatal(err)
		}
		return r, kept
	}
	r, kept := open()
	stop := start(t, r)
	first := pending(t, r, time.Time{})
	const held = 8 * time.Second // much longer than it takes until a new process has found that
	eventually(t, "the alert has been pending for some seconds", func() bool { return kept.pending.Load() > held.Milliseconds() })
	stop()
	server.Kill()
	server = storetest.Open(t, dir)
	r, _ = open()
	again := time.Now()
	start(t, r)
	// What the alert had been pending for is kept, to the second; the time that nobody looked
	// at it does not count, however long a restart takes.
	if since := pending(t, r, again); since.Before(first.Add(-time.Second)) || time.Since(since) < held-time.Second {
		t.Errorf("pending since %v, after the restart at %v since %v", first, again, since)
	}
	groups, err := json.Marshal(all(r))
	if err != nil || !strings.Contains(string(groups), `"type":"alerting","name":"Always"`) || !strings.Contains(string(groups), `"state":"pending"`) {
		t.Errorf("got %s, %v", groups, err)
	}
	if active, err := json.Marshal(r.ActiveAlerts(t.Context())); err != nil || !strings.Contains(string(active), `"state":"pending"`) {
		t.Errorf("got %s, %v", active, err)
	}
}

// TestFiringSurvivesARestart finds what an earlier process stored of an alert that had been
// active for longer than its "for": it fires at once, and since then.
func TestFiringSurvivesARestart(t *testing.T) {
	s := clickhousetest.Open(t, storetest.Start(t))
	file := filepath.Join(t.TempDir(), "rules.yaml")
	text := `groups: [{name: g, interval: 200ms, rules: [{alert: Always, expr: vector(1), for: 1h, labels: {severity: page}}]}]`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	began := time.Now().Add(-2 * time.Hour).Truncate(time.Second)
	err := s.InsertSamples(t.Context(), "before", []clickhouse.Sample{{
		Metric: "ALERTS_FOR_STATE", Labels: map[string]string{"alertname": "Always", "severity": "page"},
		Time: time.Now().Add(-time.Minute), Value: float64(began.Unix()),
	}})
	if err != nil {
		t.Fatal(err)
	}
	engine := promql.New(promql.Config{}, s)
	r, err := New(Config{Files: []string{file}}, Deps{Engine: engine, Samples: s})
	if err != nil {
		t.Fatal(err)
	}
	start(t, r)
	eventually(t, "the alert fires", func() bool {
		active := r.Alerts()
		return len(active) == 1 && active[0].State == "firing" && active[0].Since.Equal(began)
	})
	eventually(t, "that is stored", func() bool {
		q, err := engine.QueryEngine().NewInstantQuery(t.Context(), engine.Queryable(), nil, `ALERTS{alertname="Always",alertstate="firing"} and on (severity) ALERTS_FOR_STATE`, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		defer q.Close()
		v, err := q.Exec(t.Context()).Vector()
		return err == nil && len(v) == 1 && v[0].F == 1
	})
}

// Of two that evaluate over one store, one stores what it finds, and the other has its part
// in that as soon as it is to speak.
func TestWhoDoesNotSpeakStoresNothing(t *testing.T) {
	s := clickhousetest.Open(t, storetest.Start(t))
	file := filepath.Join(t.TempDir(), "rules.yaml")
	text := `groups: [{name: g, interval: 200ms, rules: [{record: one, expr: vector(1)}]}]`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var speaks atomic.Bool
	kept := &counted{Samples: s}
	r, err := New(Config{Files: []string{file}}, Deps{Engine: promql.New(promql.Config{}, s), Samples: kept, Speaks: speaks.Load})
	if err != nil {
		t.Fatal(err)
	}
	start(t, r)
	eventually(t, "the rule was evaluated", func() bool {
		groups, err := json.Marshal(all(r))
		return err == nil && strings.Contains(string(groups), `"health":"ok"`)
	})
	if n := kept.n.Load(); n != 0 {
		t.Errorf("%d values are stored by who does not speak", n)
	}
	speaks.Store(true)
	eventually(t, "it is stored", func() bool { return kept.n.Load() > 0 })
}

// all are the rule groups as the API shows them.
func all(r *Rules) any {
	groups, err := r.RuleGroups(context.Background(), promql.RuleFilter{})
	if err != nil {
		return err.Error()
	}
	return groups
}

// counted counts what is stored.
type counted struct {
	Samples

	n atomic.Int64
}

func (c *counted) InsertSamples(ctx context.Context, token string, all []clickhouse.Sample) error {
	c.n.Add(int64(len(all)))
	return c.Samples.InsertSamples(ctx, token, all)
}

// watched knows for how many milliseconds an alert was pending when that was stored
// last.
type watched struct {
	Samples

	pending atomic.Int64
}

func (w *watched) InsertSamples(ctx context.Context, token string, all []clickhouse.Sample) error {
	err := w.Samples.InsertSamples(ctx, token, all)
	for _, s := range all {
		if s.Metric == "ALERTS_FOR_STATE" {
			w.pending.Store(s.Time.UnixMilli() - int64(1000*s.Value))
		}
	}
	return err
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for until := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(until) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// pending waits for the alert and returns since when it has been pending: from before
// a time, if one is given.
func pending(t *testing.T, r *Rules, before time.Time) time.Time {
	t.Helper()
	var since time.Time
	eventually(t, "the alert is pending", func() bool {
		for _, a := range r.Alerts() {
			since = a.Since
		}
		return !since.IsZero() && (before.IsZero() || since.Before(before))
	})
	return since
}

func TestRefusesWhatIsWrong(t *testing.T) {
	for want, c := range map[string]Config{
		"want http://host:port": {Alertmanager: "localhost:9093"},
		"rule file":             {Files: []string{"/nonexistent.yaml"}},
		"external address":      {ExternalURL: "http://[x"},
	} {
		if _, err := New(c, Deps{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	r, err := New(Config{}, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	good, bad := objective(), objective()
	bad.Objective = 2
	if err := r.SetSLOs([]mesh.SLO{good}); err != nil {
		t.Fatal(err)
	}
	if err := r.SetSLOs([]mesh.SLO{bad}); err == nil || !strings.Contains(err.Error(), "SLO default/availability: objective 2") {
		t.Errorf("got %v", err)
	}
	if st := r.SLOs(); len(st) != 1 || st[0].Objective != good.Objective {
		t.Errorf("the old objectives did not stay: %+v", st)
	}
}

// memory is a store that can be away.
type memory struct {
	away    bool
	samples []clickhouse.Sample
}

func (m *memory) InsertSamples(_ context.Context, _ string, s []clickhouse.Sample) error {
	if m.away {
		return errors.New("away")
	}
	m.samples = append(m.samples, s...)
	return nil
}

// refusing is a store that refuses some for good.
type refusing struct{ tries int }

func (r *refusing) InsertSamples(context.Context, string, []clickhouse.Sample) error {
	r.tries++
	return &clickhouse.RefusedError{Rows: 1}
}

func TestRecorderTriesOnceWhatIsRefused(t *testing.T) {
	store := &refusing{}
	r := newRecorder(store, slog.New(slog.DiscardHandler))
	r.commit([]clickhouse.Sample{{Metric: "a"}, {Metric: "b"}})
	for range 2 {
		if err := r.flush(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if store.tries != 1 || len(r.pending) > 0 {
		t.Errorf("%d tries, %d values wait", store.tries, len(r.pending))
	}
}

func TestRecorderKeepsWhatCannotBeStored(t *testing.T) {
	m := &memory{away: true}
	var log strings.Builder
	r := newRecorder(m, slog.New(slog.NewTextHandler(&log, nil)))
	record := func(v float64) {
		a := r.Appender(t.Context())
		l := labels.FromStrings(model.MetricNameLabel, shareMetric+"5m", labelSLO, "a", labelNamespace, "n")
		if _, err := a.Append(0, l, 1000, v); err != nil {
			t.Fatal(err)
		}
		if err := a.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	record(0.25)
	if err := r.flush(t.Context()); err == nil {
		t.Error("stored in a store that is away")
	}
	record(0.5)
	m.away = false
	if err := r.flush(t.Context()); err != nil || len(m.samples) != 2 || m.samples[0].Value != 0.25 || m.samples[0].Labels[model.MetricNameLabel] != "" {
		t.Errorf("got %v, %+v", err, m.samples)
	}
	if v, ok := r.share(shareKey{"n", "a", "5m"}); !ok || v != 0.5 {
		t.Errorf("newest share: got %v, %v", v, ok)
	}
	record(staleNaN())
	if _, ok := r.share(shareKey{"n", "a", "5m"}); ok {
		t.Error("a stale share is still there")
	}
	for range maxPending + 10 {
		record(1)
	}
	if len(r.pending) != maxPending {
		t.Errorf("%d values wait, want at most %d", len(r.pending), maxPending)
	}
	m.away = true
	if err := r.flush(t.Context()); err == nil || !strings.Contains(err.Error(), "11 older ones were given up") || log.Len() > 0 {
		t.Errorf("while the store is away: %v, %q", err, log.String())
	}
	m.away = false
	for range 2 {
		if err := r.flush(t.Context()); err != nil {
			t.Error(err)
		}
		record(1)
	}
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "values=11") {
		t.Errorf("told %q", got)
	}
}

func staleNaN() float64 { return math.Float64frombits(value.StaleNaN) }
