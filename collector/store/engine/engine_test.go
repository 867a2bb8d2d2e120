package engine

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseError(t *testing.T) {
	for text, want := range map[string]Error{
		"Code: 60. DB::Exception: x (UNKNOWN_TABLE)\n": {60, "Code: 60. DB::Exception: x (UNKNOWN_TABLE)"},
		"out of luck":  {1002, "Code: 1002. DB::Exception: out of luck (UNKNOWN_EXCEPTION)"},
		"Code: x. huh": {1002, "Code: 1002. DB::Exception: Code: x. huh (UNKNOWN_EXCEPTION)"},
	} {
		if diff := cmp.Diff(want, *parseError(text)); diff != "" {
			t.Errorf("%q:\n%s", text, diff)
		}
	}
}

func TestFirstWord(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT 1":                     "SELECT",
		" /* a */ -- b\n\t(SELECT 1)":  "(",
		"/* never ends":                "",
		"":                             "",
		"insert":                       "insert",
		"/*a*/--b\n#!c\nWITH x AS y":   "WITH",
		"KILL QUERY WHERE query = 'a'": "KILL",
	} {
		if got := firstWord(sql); got != want {
			t.Errorf("%q: got %q, want %q", sql, got, want)
		}
	}
}

func TestTagged(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT 1 -- x; \n":           "SELECT 1 -- x\n/*t*/",
		"INSERT INTO t VALUES ('a;')": "/*t*/INSERT INTO t VALUES ('a;')",
		"/* a */ insert into t":       "/*t*//* a */ insert into t",
	} {
		if got := tagged(sql, "/*t*/"); got != want {
			t.Errorf("%q: got %q, want %q", sql, got, want)
		}
	}
}

func TestSessionChanges(t *testing.T) {
	c := conn{base: map[string]string{"a": "1"}, settings: map[string]string{"a": "2", "b": "x", "c": "y"}}
	got := c.changes(map[string]string{"c": "y", "d": `it's \`})
	if diff := cmp.Diff([]string{"a = '1'", "b = DEFAULT", `d = 'it\'s \\'`}, got); diff != "" {
		t.Error(diff)
	}
}

func TestFindLibrary(t *testing.T) {
	t.Setenv(EnvLibrary, "")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	_, err := FindLibrary()
	lib, ok := errors.AsType[*LibraryError](err)
	if !ok || !strings.Contains(err.Error(), "make engine") || !errors.Is(err, os.ErrNotExist) || !strings.Contains(lib.Path, "sightline/engine/node_modules/@chdb/lib-") {
		t.Errorf("got %v", err)
	}
	t.Setenv(EnvLibrary, "/dev/null")
	if got, err := FindLibrary(); got != "/dev/null" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := Open(Config{Library: "/dev/null", Dir: t.TempDir()}); !strings.Contains(err.Error(), "make engine") {
		t.Errorf("unloadable library: got %v", err)
	}
}

func TestConfigFile(t *testing.T) {
	path, err := Config{Dir: t.TempDir(), MemoryLimit: 1 << 30}.withDefaults().write()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<max_server_memory_usage>1073741824</", "<logger>", "<merge_tree>"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is not in\n%s", want, b)
		}
	}
}
