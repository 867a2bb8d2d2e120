package corpus

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	got, err := parse("# a class\n== one\nGET /{ab*2} \\x20\\0\\n{}\n\nabc\\c\n=> 400,200 closed 1\n=> codec - kept 0\n=> app GET /\\xff 3\n== two\n")
	want := []Case{{
		Name: "one", Sent: []byte("GET /abab  \x00\n{}\r\n\r\nabc"),
		Pair:  Outcome{Statuses: []int{400, 200}, Requests: 1},
		Codec: Outcome{Kept: true},
		App:   []string{"GET /\xff 3"},
	}, {Name: "two"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%s%v", diff, err)
	}
	for _, bad := range []string{
		"GET\n", "== a\n=> 400\n", "== a\n=> x closed 0\n", "== a\n=> 400 open 0\n", "== a\n=> 400 closed x\n",
		"== a\n\\q\n", "== a\n\\x\n", "== a\n{x*y}\n",
	} {
		if got, err := parse(bad); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

func TestEveryCaseOfTheCorpusSaysWhatMustComeOfIt(t *testing.T) {
	cases, err := Load("../testdata/corpus")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, c := range cases {
		if len(c.Sent) == 0 || names[c.Name] || (c.Pair.Kept && len(c.Pair.Statuses) == 0) {
			t.Errorf("%s: not a case, or not the only one of its name", c.Name)
		}
		names[c.Name] = true
		if c.App != nil && len(c.App) != c.Pair.Requests {
			t.Errorf("%s: %d requests, %d described", c.Name, c.Pair.Requests, len(c.App))
		}
	}
	if len(cases) < 300 {
		t.Errorf("%d cases", len(cases))
	}
}
