package main

import (
	"os"
	"strings"
	"testing"
)

func wideTable(t *table) {
	t.row("a sentence of any length stands as it is, and so do facts: they are what was asked for, not one line of many")
	t.row("reason", "a fact that is long is not cut either, as it is the only place where a person can read all of it")
	t.row()
	t.head("INSTANCE", "STATE", "ADDRESS", "REASON")
	t.spare("ADDRESS", "STATE")
	t.row("spiffe://mesh.local/ns/shop/sa/checkout", "ready", "127.0.0.1:25421", "dial reviews-v1-1: connection refused\nand once more")
	t.row("b", "ready", "127.0.0.1:2", "")
}

func TestATableFitsTheTerminal(t *testing.T) {
	for _, c := range []struct {
		width int
		want  string // of the list
	}{
		{0, "INSTANCE                                 STATE  ADDRESS          REASON\n" +
			"spiffe://mesh.local/ns/shop/sa/checkout  ready  127.0.0.1:25421  dial reviews-v1-1: connection refused; and once more\n" +
			"b                                        ready  127.0.0.1:2      -\n"},
		{72, "INSTANCE                 STATE  ADDRESS          REASON\n" +
			"spiffe://me…sa/checkout  ready  127.0.0.1:25421  dial reviews-v1-1: con…\n" +
			"b                        ready  127.0.0.1:2      -\n"},
		{60, "INSTANCE                   STATE  REASON\n" +
			"spiffe://mes…/sa/checkout  ready  dial reviews-v1-1: connec…\n" +
			"b                          ready  -\n" +
			"No room for ADDRESS: -o yaml has all.\n"},
		{1, "INSTANCE  REASON\nspif…out  dial re…\nb         -\nNo room for ADDRESS, STATE: -o yaml has all.\n"},
	} {
		var out strings.Builder
		table := newTable(&out, c.width)
		wideTable(table)
		if err := table.flush(); err != nil {
			t.Fatal(err)
		}
		facts, list, _ := strings.Cut(out.String(), "\n\n")
		if !strings.Contains(facts, "one line of many") || !strings.Contains(facts, "read all of it") {
			t.Errorf("%d columns: facts are cut:\n%s", c.width, facts)
		}
		if list != c.want {
			t.Errorf("%d columns:\n%s\nwant\n%s", c.width, list, c.want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"short", 5, "short"},
		{"a few words of text", 10, "a few wor…"},
		{"spiffe://mesh.local/ns/shop/sa/cart", 12, "spiffe…/cart"},
		{"überlänge-übermaß", 8, "über…maß"},
		{"ab", 1, "…"},
	} {
		if got := cut(c.text, c.width); got != c.want {
			t.Errorf("cut(%q, %d) = %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

// TestNothingIsCutForAProgram that reads a pipe, a file or /dev/null.
func TestNothingIsCutForAProgram(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = read.Close(), write.Close() }()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	for _, f := range []*os.File{write, null} {
		if n := terminalWidth(f); n != 0 {
			t.Errorf("%s has %d columns, want none", f.Name(), n)
		}
	}
}
