package rules

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/promql"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// nowhere is a store that is never asked: the rules below read no series.
type nowhere struct{}

func (nowhere) Query(context.Context, string, ...any) (driver.Rows, error) {
	return nil, errors.New("away")
}

func (nowhere) Lacks(context.Context, signal.Window, ...string) string { return "" }

const filteredRules = `groups:
- name: first
  rules:
  - {record: one, expr: vector(1), labels: {team: a}}
  - {alert: Always, expr: vector(1), labels: {severity: page, team: a}, annotations: {summary: up}, keep_firing_for: 5m}
- name: second
  limit: 3
  rules:
  - {alert: Never, expr: vector(1) < 0, for: 1m, labels: {team: b}}
- name: third
  rules:
  - {record: two, expr: vector(2)}
`

// TestRulesOverHTTP asks for rules as Grafana and mimirtool do.
func TestRulesOverHTTP(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(filteredRules), 0o600); err != nil {
		t.Fatal(err)
	}
	base, _ := alertmanager(t)
	engine := promql.New(promql.Config{}, nowhere{})
	r, err := New(Config{Files: []string{file}, Alertmanager: base, Interval: 100 * time.Millisecond}, Deps{Engine: engine, Samples: &memory{}})
	if err != nil {
		t.Fatal(err)
	}
	start(t, r)
	h := engine.Handler(r)
	ask := func(path string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	eventually(t, "all rules are evaluated", func() bool {
		_, body := ask("/rules")
		return strings.Count(body, `"health":"ok"`) == 4
	})
	var next string
	names := func(path string) (out []string) {
		code, body := ask(path)
		var got struct {
			Data struct {
				Groups []struct {
					Name  string
					Rules []struct{ Name, Type string }
				}
				GroupNextToken string
			}
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil || code != http.StatusOK {
			t.Fatalf("%s: %d %s", path, code, body)
		}
		for _, g := range got.Data.Groups {
			for _, r := range g.Rules {
				out = append(out, g.Name+" "+r.Type+" "+r.Name)
			}
		}
		next = got.Data.GroupNextToken
		return out
	}
	for _, c := range []struct {
		path string
		want []string
	}{
		{"/rules?type=alert", []string{"first alerting Always", "second alerting Never"}},
		{"/rules?type=record", []string{"first recording one", "third recording two"}},
		{"/rules?rule_name[]=Never&rule_name[]=two", []string{"second alerting Never", "third recording two"}},
		{"/rules?rule_group[]=third", []string{"third recording two"}},
		{"/rules?file[]=elsewhere.yaml", nil},
		{"/rules?file[]=" + url.QueryEscape(file) + "&rule_group[]=second", []string{"second alerting Never"}},
		{"/rules?match[]=" + url.QueryEscape(`{team="b"}`), []string{"second alerting Never"}},
		{"/rules?match[]=" + url.QueryEscape(`{severity="page"}`) + "&match[]=" + url.QueryEscape(`{team="b"}`), []string{"first alerting Always", "second alerting Never"}},
	} {
		if diff := cmp.Diff(c.want, names(c.path)); diff != "" {
			t.Errorf("%s:\n%s", c.path, diff)
		}
	}
	t.Run("pages", func(t *testing.T) {
		got := names("/rules?group_limit=2")
		if len(got) != 3 || next == "" {
			t.Fatalf("first page %q, then %q", got, next)
		}
		if diff := cmp.Diff([]string{"third recording two"}, names("/rules?group_limit=2&group_next_token="+next)); diff != "" || next != "" {
			t.Errorf("%s\nand then %q", diff, next)
		}
	})
	t.Run("shapes", func(t *testing.T) {
		for path, wants := range map[string][]string{
			"/rules?rule_name[]=Always": {
				`"state":"firing"`, `"duration":0`, `"keepFiringFor":300`, `"annotations":{"summary":"up"}`, `"labels":{"severity":"page","team":"a"}`,
				`"alerts":[{"labels":{"alertname":"Always","severity":"page","team":"a"},"annotations":{"summary":"up"},"state":"firing","activeAt":"`, `"value":"1e+00"`,
			},
			"/rules?rule_name[]=Always&exclude_alerts=true": {`"alerts":null`},
			"/rules?rule_name[]=Never":                      {`"state":"inactive"`, `"duration":60`, `"alerts":[]`, `"limit":3`},
			"/alerts":                                       {`{"status":"success","data":{"alerts":[{"labels":{"alertname":"Always"`},
			"/alertmanagers":                                {`"activeAlertmanagers":[{"url":"` + base + `/api/v2/alerts"}],"droppedAlertmanagers":[]`},
		} {
			_, body := ask(path)
			for _, want := range wants {
				if !strings.Contains(body, want) {
					t.Errorf("%s: no %s in %s", path, want, body)
				}
			}
		}
	})
	t.Run("errors", func(t *testing.T) {
		for path, want := range map[string]string{
			"/rules?type=other":                       `invalid parameter "type": not supported value "other"`,
			"/rules?exclude_alerts=maybe":             `invalid parameter "exclude_alerts": error converting exclude_alerts: strconv.ParseBool: parsing "maybe": invalid syntax`,
			"/rules?group_limit=0":                    `invalid parameter "group_limit": group_limit needs to be greater than 0`,
			"/rules?group_next_token=a":               `invalid parameter "group_next_token": group_limit needs to be present in order to paginate over the groups`,
			"/rules?group_limit=1&group_next_token=a": `invalid parameter "group_next_token": invalid group_next_token 'a'. were rule groups changed?`,
			"/rules?match[]={}":                       `match[] must contain at least one non-empty matcher`,
		} {
			code, body := ask(path)
			var got struct{ ErrorType, Error string }
			if err := json.Unmarshal([]byte(body), &got); err != nil || code != http.StatusBadRequest || got.ErrorType != "bad_data" || got.Error != want {
				t.Errorf("%s: got %d %s", path, code, body)
			}
		}
	})
}
