package promql

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/clickhouse/clickhousetest"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// TestPromtoolQueries asks with Prometheus' own command line, which `make tools` installs.
func TestPromtoolQueries(t *testing.T) {
	program, err := exec.LookPath("promtool")
	if err != nil && os.Getenv("CI") != "" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip("run `make tools`: ", err)
	}
	s := clickhousetest.Open(t, storetest.Start(t))
	end := time.Now().Truncate(time.Minute).Add(-time.Minute)
	var samples []clickhouse.Sample
	for i := range 61 {
		at := end.Add(time.Duration(i-60) * 5 * time.Second)
		samples = append(samples,
			clickhouse.Sample{Metric: "jobs_total", Labels: map[string]string{"job": "a"}, Time: at, Value: float64(10 * i)},
			clickhouse.Sample{Metric: "jobs_total", Labels: map[string]string{"job": "b", "zone": "x"}, Time: at, Value: 1})
	}
	if err := s.InsertSamples(t.Context(), "jobs", samples); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.StripPrefix("/prometheus/api/v1", New(Config{}, s).Handler(nil)))
	defer server.Close()
	base, at := server.URL+"/prometheus", func(back time.Duration) string { return strconv.FormatInt(end.Add(-back).Unix(), 10) }
	times := regexp.MustCompile(`@\[([0-9.]+)\]`)
	for _, c := range []struct {
		args []string
		want string
		exit int
	}{
		{[]string{"instant", "--time=" + at(0), base, `sum by (job) (rate(jobs_total[5m]))`}, "{job=\"a\"} => 2 @[T]\n{job=\"b\"} => 0 @[T]\n", 0},
		{[]string{"instant", "--time=" + at(0), base, `scalar(jobs_total{job="a"})`}, "scalar: 600 @[T]\n", 0},
		{[]string{"instant", "--time=" + at(0), base, `sum(`}, "parse error: unclosed left parenthesis", 1},
		{[]string{"range", "--start=" + at(time.Minute), "--end=" + at(0), "--step=30s", base, `jobs_total{job="a"}`}, "jobs_total{job=\"a\"} =>\n480 @[T]\n540 @[T]\n600 @[T]\n", 0},
		{[]string{"series", "--match=jobs_total", base}, "{__name__=\"jobs_total\", job=\"a\"}\n{__name__=\"jobs_total\", job=\"b\", zone=\"x\"}\n", 0},
		{[]string{"series", `--match={zone="x"}`, "--start=" + at(time.Hour), "--end=" + at(0), base}, "{__name__=\"jobs_total\", job=\"b\", zone=\"x\"}\n", 0},
		{[]string{"labels", base, "job"}, "a\nb\n", 0},
		{[]string{"labels", "--start=" + at(time.Hour), "--end=" + at(0), base, "zone"}, "x\n", 0},
	} {
		command := exec.CommandContext(t.Context(), program, append([]string{"query"}, c.args...)...)
		out, err := command.CombinedOutput()
		got := times.ReplaceAllString(string(out), "@[T]")
		if code := command.ProcessState.ExitCode(); code != c.exit {
			t.Errorf("%s: ended with %d, %v", c.args, code, err)
		}
		if c.exit != 0 {
			if !strings.Contains(got, c.want) {
				t.Errorf("%s:\n%s", c.args, got)
			}
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", c.args, diff)
		}
	}
	t.Run("format", func(t *testing.T) {
		out, err := exec.CommandContext(t.Context(), program, "query", "instant", "--format=json", "--time="+at(0), base, `jobs_total{job="a"}`).CombinedOutput()
		if want := `[{"metric":{"__name__":"jobs_total","job":"a"},"value":[` + at(0) + `,"600"]}]`; err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("%v: got %s, want %s", err, out, want)
		}
	})
}
