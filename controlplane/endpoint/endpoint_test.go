package endpoint

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"a:1":                      "a:1",
		"https://a:1/":             "a:1",
		"a:1, https://b:2,[::1]:3": "a:1 b:2 [::1]:3",
		"":                         "",
		"a":                        "",
		"a:1,":                     "",
		":1":                       "",
		"a:":                       "",
		"a: /":                     "",
		"a:1/b":                    "",
		"a b:1":                    "",
		"a:1,https://a:1":          "",
	} {
		got, err := Parse(in)
		if (err != nil) != (want == "") || strings.Join(got, " ") != want {
			t.Errorf("%q: got %v, %v, want %q", in, got, err, want)
		}
	}
}

func TestEveryAddressGetsItsTurn(t *testing.T) {
	l, err := New("a:1,b:1,c:1")
	if err != nil {
		t.Fatal(err)
	}
	first := l.Current()
	l.Failed("none:1")
	if l.Current() != first {
		t.Error("went on although another address had failed")
	}
	l.Failed(first)
	l.Failed(first) // somebody else noticed too
	second := l.Current()
	l.Failed(second)
	third := l.Current()
	seen := []string{first, second, third}
	slices.Sort(seen)
	if !slices.Equal(seen, []string{"a:1", "b:1", "c:1"}) {
		t.Errorf("took %v", seen)
	}
	if l.Failed(third); l.Current() != first {
		t.Error("did not come back to the first")
	}
}

func TestTheNextIsTriedUntilAnErrorIsFinal(t *testing.T) {
	l, err := New("a:1,b:1,c:1")
	if err != nil {
		t.Fatal(err)
	}
	down, refused := errors.New("down"), errors.New("refused")
	final := func(err error) bool { return errors.Is(err, refused) }
	order := l.Addresses()
	var tried []string
	err = l.Try(func(address string) error {
		tried = append(tried, address)
		return map[string]error{order[0]: down, order[1]: refused}[address]
	}, final)
	if !errors.Is(err, down) || !errors.Is(err, refused) || !slices.Equal(tried, order[:2]) || l.Current() != order[1] {
		t.Errorf("tried %v with %v, now at %s", tried, err, l.Current())
	}
	if err := l.Try(func(string) error { return nil }, final); err != nil || l.Current() != order[1] {
		t.Errorf("one that works: %v, now at %s", err, l.Current())
	}
	if err := l.Try(func(string) error { return down }, final); !errors.Is(err, down) {
		t.Errorf("all down: got %v", err)
	}
}

// A control plane that fails must not send all its clients to the same other one.
func TestClientsSpread(t *testing.T) {
	next := map[string]int{}
	for range 300 {
		l, err := New("a:1,b:1,c:1")
		if err != nil {
			t.Fatal(err)
		}
		if l.Current() == "a:1" {
			l.Failed("a:1")
			next[l.Current()]++
		}
	}
	if next["b:1"] == 0 || next["c:1"] == 0 {
		t.Errorf("after a: %v", next)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a:1, https://b:2,[::1]:3")
	f.Fuzz(func(t *testing.T, list string) {
		all, err := Parse(list)
		if err != nil {
			return
		}
		if again, err := Parse(strings.Join(all, ",")); err != nil || !slices.Equal(all, again) {
			t.Errorf("%q is %q, and that is %q, %v", list, all, again, err)
		}
	})
}
