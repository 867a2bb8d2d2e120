package breaker

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestScripts runs the cases of testdata on a fake clock, without jitter. A line is one
// step:
//
//	case name                   a case begins, with a new breaker
//	config failures=3 …         its rules; "off" turns one off. Default base=1s max=100s
//	success 3 | failure | …     so many requests that pass and are answered so
//	limited hold=5s             a request whose answer asks for a pause
//	keep 2                      requests that pass and are not answered yet
//	answer success              to the oldest of those
//	refused                     a request that must not pass
//	wait 1s                     time passes
//	state tripped               what it is now
//	rest 2s                     how long the present rest is, in all
//	why 3 consecutive failures  the reason for the state
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, f := range files {
		for _, c := range casesOf(t, f) {
			t.Run(strings.TrimSuffix(filepath.Base(f), ".txt")+"/"+c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { c.run(t) })
			})
		}
	}
}

type scriptCase struct {
	name  string
	lines []scriptLine
}

type scriptLine struct {
	at    string // file:line
	words []string
}

func casesOf(t *testing.T, file string) []scriptCase {
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var all []scriptCase
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "case":
			all = append(all, scriptCase{name: words[1]})
		default:
			last := &all[len(all)-1]
			last.lines = append(last.lines, scriptLine{fmt.Sprintf("%s:%d", file, n), words})
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func (c scriptCase) run(t *testing.T) {
	s := &script{b: steady(Config{Max: 100 * time.Second})}
	for _, l := range c.lines {
		if err := s.step(l.words[0], l.words[1:]); err != nil {
			t.Errorf("%s: %s: %v", l.at, strings.Join(l.words, " "), err)
		}
	}
}

type script struct {
	b    *Breaker
	kept []Ticket
}

func (s *script) step(verb string, args []string) error {
	switch verb {
	case "config":
		c, err := parseConfig(args)
		s.b = steady(c)
		return err
	case "wait":
		d, err := time.ParseDuration(args[0])
		time.Sleep(d)
		return err
	case "keep":
		return s.keep(args)
	case "answer":
		first := s.kept[0]
		s.kept = s.kept[1:]
		first.Done(results[args[0]])
		return nil
	case "refused":
		if _, ok := s.b.Admit(); ok {
			return errors.New("it passed")
		}
		return nil
	case "state", "rest", "why":
		return s.look(verb, strings.Join(args, " "))
	}
	return s.send(verb, args)
}

var results = map[string]Result{"success": Success, "failure": Failure, "limited": Limited, "dropped": Dropped}

func (s *script) send(verb string, args []string) error {
	r, known := results[verb]
	if !known {
		return errors.New("no such step")
	}
	times, hold := 1, time.Duration(0)
	for _, a := range args {
		var err error
		if d, ok := strings.CutPrefix(a, "hold="); ok {
			hold, err = time.ParseDuration(d)
		} else {
			times, err = strconv.Atoi(a)
		}
		if err != nil {
			return err
		}
	}
	for i := range times {
		ticket, ok := s.b.Admit()
		if !ok {
			return fmt.Errorf("request %d was refused: %+v", i+1, s.b.Status())
		}
		ticket.HoldOff(hold)
		ticket.Done(r)
	}
	return nil
}

func (s *script) keep(args []string) error {
	n := 1
	if len(args) > 0 {
		n, _ = strconv.Atoi(args[0])
	}
	for range n {
		ticket, ok := s.b.Admit()
		if !ok {
			return errors.New("it was refused")
		}
		s.kept = append(s.kept, ticket)
	}
	return nil
}

func (s *script) look(what, want string) error {
	st := s.b.Status()
	got := map[string]string{
		"state": st.State.String(), "why": st.Reason, "rest": st.Until.Sub(st.Since).String(),
	}[what]
	if got != want {
		return fmt.Errorf("it is %q", got)
	}
	return nil
}

func parseConfig(args []string) (Config, error) {
	c := Config{Base: time.Second, Max: 100 * time.Second}
	for _, a := range args {
		key, value, _ := strings.Cut(a, "=")
		if value == "off" {
			value = "-1"
		}
		var err error
		switch key {
		case "failures":
			c.Failures, err = strconv.Atoi(value)
		case "success":
			c.Success, err = strconv.ParseFloat(value, 64)
		case "requests":
			c.MinRequests, err = strconv.Atoi(value)
		case "window":
			c.Window, err = time.ParseDuration(value)
		case "base":
			c.Base, err = time.ParseDuration(value)
		case "max":
			c.Max, err = time.ParseDuration(value)
		default:
			err = fmt.Errorf("config %q", a)
		}
		if err != nil {
			return c, err
		}
	}
	return c, nil
}
