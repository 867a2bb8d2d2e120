package outlier

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestScripts runs each file of testdata on a fake clock. A line is one step:
//
//	config errors=5 …            rules of the detector; again to change them
//	members a b c                those there are from now on
//	a error 4                    so many results of one member
//	wait 10s                     time passes
//	out a b  |  out              who is out, after the sweeps that are due
//	rest a 30s                   how long it is out, from when it went
//	why a 5 consecutive errors   the reason
//	heal a                       it passed its health check
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runScript(t, f) })
		})
	}
}

type script struct {
	*testing.T
	detector *Detector
	members  map[string]*Member
}

func runScript(t *testing.T, file string) {
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	s := &script{T: t, members: map[string]*Member{}}
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := s.step(words[0], words[1:]); err != nil {
			t.Errorf("%s:%d: %s: %v", file, n, strings.TrimSpace(line), err)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

func (s *script) step(verb string, args []string) error {
	switch verb {
	case "config":
		c := parseConfig(s.T, args)
		if s.detector == nil {
			s.detector = New(c, time.Now)
			return nil
		}
		s.detector.Configure(c)
	case "members":
		s.become(args)
	case "wait":
		time.Sleep(duration(s.T, args[0]))
	case "out":
		return s.out(args)
	case "rest":
		st := s.members[args[0]].Status()
		if got := st.Until.Sub(st.Since); got != duration(s.T, args[1]) {
			return fmt.Errorf("rests %v", got)
		}
	case "why":
		if got := s.members[args[0]].Status().Reason; got != strings.Join(args[1:], " ") {
			return fmt.Errorf("reason %q", got)
		}
	case "heal":
		s.members[args[0]].Heal()
	default:
		return s.report(verb, args)
	}
	return nil
}

func (s *script) become(names []string) {
	for name, m := range s.members {
		if !slices.Contains(names, name) {
			s.detector.Remove(m)
			delete(s.members, name)
		}
	}
	for _, name := range names {
		if s.members[name] == nil {
			s.members[name] = s.detector.Add(func(Change) {})
		}
	}
}

func (s *script) out(want []string) error {
	s.detector.Sweep(time.Now())
	var got []string
	for name, m := range s.members {
		if m.Out() != m.Status().Out {
			return fmt.Errorf("%s: Out says %v, Status does not", name, m.Out())
		}
		if m.Out() {
			got = append(got, name)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		return fmt.Errorf("%v are out", got)
	}
	return nil
}

func (s *script) report(name string, args []string) error {
	results := map[string]Result{
		"success": Success, "error": Error, "gateway": Gateway, "noconnection": NoConnection, "noanswer": NoAnswer,
	}
	m := s.members[name]
	r, known := results[args[0]]
	if m == nil || !known {
		return errors.New("no such member, or no such result")
	}
	times := 1
	if len(args) > 1 {
		var err error
		if times, err = strconv.Atoi(args[1]); err != nil {
			return err
		}
	}
	for range times {
		m.Report(r)
	}
	return nil
}

func parseConfig(t *testing.T, args []string) Config {
	var c Config
	for _, a := range args {
		key, value, _ := strings.Cut(a, "=")
		number := func() int {
			n, err := strconv.Atoi(value)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		switch key {
		case "errors":
			c.Errors = number()
		case "gateway":
			c.Gateway = number()
		case "local":
			c.Local = number()
		case "split":
			c.Split = true
		case "interval":
			c.Interval = duration(t, value)
		case "base":
			c.Base = duration(t, value)
		case "longest":
			c.Max = duration(t, value)
		case "percent":
			c.MaxPercent = number()
		default:
			t.Fatalf("config %q", a)
		}
	}
	return c
}

func duration(t *testing.T, s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestChangesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		start := time.Now()
		d := New(Config{Errors: 1, Base: time.Second, Interval: time.Second}, time.Now)
		m := d.Add(func(c Change) { got = append(got, fmt.Sprintf("%v out=%v %s", c.At.Sub(start), c.Out, c.Reason)) })
		time.Sleep(500 * time.Millisecond)
		m.Report(Error)
		time.Sleep(time.Minute) // the sweep at 2 s is made up for, with its own time
		d.Sweep(time.Now())
		want := []string{"500ms out=true 1 consecutive errors", "2s out=false its rest is over"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
	})
}

// TestSweepsAfterALongPause: what happens in a pause of years must not take as long.
func TestSweepsAfterALongPause(t *testing.T) {
	now := time.Unix(1000, 0)
	d := New(Config{Errors: 1, Interval: time.Millisecond, Base: time.Hour}, func() time.Time { return now })
	m := d.Add(func(Change) {})
	m.Report(Error)
	now = now.Add(10 * 365 * 24 * time.Hour)
	d.Sweep(now)
	if m.Out() || d.Due(now) || d.Next().Sub(now) > time.Millisecond {
		t.Errorf("out %v, next sweep %v from now", m.Out(), d.Next().Sub(now))
	}
}

func TestConcurrentUse(t *testing.T) {
	d := New(Config{Errors: 3, Gateway: 2, Interval: time.Millisecond, Base: time.Millisecond, MaxPercent: 50}, time.Now)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			m := d.Add(func(Change) {})
			for i := range 5000 {
				m.Report(Result(i % 5))
				m.Report(Gateway)
				m.Out()
				d.Sweep(time.Now())
				if i%1000 == 0 {
					d.Configure(Config{Errors: 2 + i%3, MaxPercent: 50})
				}
			}
			d.Remove(m)
		})
	}
	wg.Wait()
	if d.out != 0 || len(d.members) != 0 {
		t.Errorf("%d of %d are out at the end", d.out, len(d.members))
	}
}

func BenchmarkReport(b *testing.B) {
	m := New(Config{Errors: 5}, time.Now).Add(func(Change) {})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.Report(Success)
		}
	})
}
