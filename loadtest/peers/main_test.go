package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sightline-mesh/sightline/loadtest/peers/drive"
)

// The comparison starts its own program again: here, the test.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "act-as-") {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

func TestParse(t *testing.T) {
	o, err := parse(nil, t.Output())
	if err != nil || o.rounds < 5 || len(o.loads()) != len(cells()) {
		t.Errorf("by default %+v, %v; want at least 5 rounds of all loads", o, err)
	}
	if diff := cmp.Diff(allTargets(), o.targets); diff != "" {
		t.Error(diff)
	}
	o, err = parse([]string{"-quick", "-targets", "direct,nginx", "-cells", "idle,open1000", "-out", "report.md"}, t.Output())
	if err != nil || o.rounds != 1 || o.span() != time.Second || o.out != "report.md" {
		t.Errorf("%+v, %v", o, err)
	}
	if l := o.loads(); len(l) != 1 || l[0].Rate != 1000 {
		t.Errorf("loads %+v, want one of 1000/s", l)
	}
	if !strings.HasSuffix(o.command, "run.sh -quick -targets direct,nginx -cells idle,open1000 -out report.md") {
		t.Errorf("command %q is not what was given", o.command)
	}
}

func TestParseNamesWhatIsWrong(t *testing.T) {
	for want, args := range map[string][]string{
		"rounds: 0":         {"-rounds", "0"},
		"seconds: 0.01":     {"-seconds", "0.01"},
		`targets: "envoy"`:  {"-targets", "direct,envoy"},
		`cells: "open"`:     {"-cells", "open"},
		`argument "please"`: {"please"},
		"-nonsense":         {"-nonsense"},
	} {
		if err := run(t.Context(), args, t.Output(), t.Output()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
	if err := run(t.Context(), []string{"-help"}, t.Output(), t.Output()); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-help: %v", err)
	}
}

// compared runs a comparison as the command line does.
func compared(t *testing.T, args ...string) (stdout string) {
	t.Helper()
	runtime.LockOSThread() // as main does
	defer runtime.UnlockOSThread()
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	if err := run(t.Context(), args, &out, t.Output()); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	return out.String()
}

// App and generator work as processes of their own, and the report is of them.
func TestDirectCall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.md")
	text := compared(t, "-targets", "direct", "-cells", "open1000,closed16k,idle", "-rounds", "2", "-seconds", "0.2", "-out", path)
	for _, want := range []string{"Open loop, 1,000", "16 KiB", "rounds: 2", "| direct |"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "Memory") || strings.Contains(text, "Errors of") {
		t.Errorf("a direct call has no memory and no errors:\n%s", text)
	}
	written, err := os.ReadFile(path)
	if diff := cmp.Diff(text, string(written)); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestInterruptedEndsItsProcesses(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	if err := run(ctx, []string{"-targets", "direct", "-seconds", "60"}, t.Output(), t.Output()); err == nil {
		t.Error("an interrupted comparison reports")
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestMissingProgramsAreNamed(t *testing.T) {
	for target, flag := range map[string]string{"sightline": "-bin", "nginx": "-nginx", "haproxy": "-haproxy"} {
		err := run(t.Context(), []string{"-targets", target, flag, "/nonexistent"}, t.Output(), t.Output())
		if err == nil || !strings.Contains(err.Error(), "/nonexistent") || !strings.Contains(err.Error(), "make build tools") {
			t.Errorf("without %s: %v", target, err)
		}
	}
}

func TestRolesRefuseNonsense(t *testing.T) {
	if err := actGenerator(t.Context(), strings.NewReader("no plan"), t.Output()); err == nil {
		t.Error("a generator without a plan runs")
	}
	if _, _, err := generate(t.Context(), drive.Plan{}); err == nil || !strings.Contains(err.Error(), "connections 0") {
		t.Errorf("generate = %v, want what the other process said", err)
	}
}

// TestQuick is the whole comparison with the built programs, for too short a time to
// measure anything: every request is answered and told of.
func TestQuick(t *testing.T) {
	if os.Getenv("SIGHTLINE_E2E") == "" {
		t.Skip("SIGHTLINE_E2E is not set: run `make build tools` and set it")
	}
	text := compared(t, "-quick", "-bin", filepath.Join("..", "..", "bin"))
	t.Log(text)
	for _, c := range cells() {
		if !strings.Contains(text, "### "+c.Says) {
			t.Errorf("no cell %s", c.Name)
		}
	}
	if strings.Contains(text, "Errors of sightline") { // others' are theirs
		t.Error("requests failed")
	}
	_, told, _ := strings.Cut(text, "### What the pairs told")
	for _, pair := range []string{"sightline", "nginx", "haproxy", "net/http", "sightline-grpc", "haproxy-h2"} {
		m := regexp.MustCompile(`\| ` + pair + ` \| ([\d,]+) \| ([\d,]+) \|`).FindStringSubmatch(told)
		if m == nil || m[1] == "0" || m[2] == "0" {
			t.Errorf("no account of %s", pair)
		}
	}
}

func TestRoundsTakeTurns(t *testing.T) {
	var order []string
	for n := range 3 {
		order = append(order, turns([]string{"a", "b", "c"}, n)...)
	}
	want := []string{"a", "b", "c", "b", "c", "a", "c", "a", "b"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Error(diff)
	}
}
