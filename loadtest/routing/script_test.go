package routing

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/proxy/route"
)

// script is one file of testdata:
//
//	caller shop app=cart
//	-- manifest --
//	…YAML…
//	-- GET http://reviews:9080/path --
//	end-user: jason
//
//	body
//	> reviews v2 GET /path
//	> x-added: 1
//	> !x-removed
//	>> body
//	< 200
//	< x-added: 2
//	<< body
//	= route DI
//
// Lines with ">" say what the instance must have got, those with "<" what the caller
// must have got back, "=" what the record must say: the route and the flags. "*" is any
// version.
type script struct {
	caller   route.Caller
	manifest string
	cases    []testCase
}

type testCase struct {
	line        int
	method, url string
	header      []string // "name: value"
	body        string
	upstream    []string
	gotBody     *string
	response    []string
	answerBody  *string
	route       string
	flags       string
}

func (c *testCase) String() string { return fmt.Sprintf("line %d: %s %s", c.line, c.method, c.url) }

func readScripts(t *testing.T) map[string]*script {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	out := map[string]*script{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		s, err := parseScript(b)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		out[strings.TrimSuffix(filepath.Base(f), ".txt")] = s
	}
	return out
}

func parseScript(b []byte) (*script, error) {
	s := &script{caller: route.Caller{Namespace: "default", Labels: map[string]string{}}}
	var section string
	in := bufio.NewScanner(bytes.NewReader(b))
	for n := 1; in.Scan(); n++ {
		line := in.Text()
		if head, ok := strings.CutPrefix(line, "-- "); ok {
			section = strings.TrimSuffix(head, " --")
			if method, url, ok := strings.Cut(section, " "); ok {
				s.cases = append(s.cases, testCase{line: n, method: method, url: url})
			}
			continue
		}
		switch {
		case section == "manifest":
			s.manifest += line + "\n"
		case section == "" && strings.HasPrefix(line, "caller "):
			words := strings.Fields(line)
			s.caller.Namespace = words[1]
			for _, label := range words[2:] {
				k, v, _ := strings.Cut(label, "=")
				s.caller.Labels[k] = v
			}
		case section == "" || strings.HasPrefix(line, "#"):
		default:
			if err := s.cases[len(s.cases)-1].read(line); err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
		}
	}
	return s, in.Err()
}

func (c *testCase) read(line string) error {
	sign, rest, _ := strings.Cut(line, " ")
	switch sign {
	case ">":
		c.upstream = append(c.upstream, rest)
	case ">>":
		c.gotBody = &rest
	case "<":
		c.response = append(c.response, rest)
	case "<<":
		c.answerBody = &rest
	case "=":
		c.route, c.flags, _ = strings.Cut(rest, " ")
	case "":
	case "body":
		c.body = rest
	default:
		if !strings.HasSuffix(sign, ":") {
			return fmt.Errorf("%q is no line of a script", line)
		}
		c.header = append(c.header, line)
	}
	return nil
}
