package chhttp

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseInsert(t *testing.T) {
	type parts struct{ SQL, Format, Data string }
	for sql, want := range map[string]*parts{
		"INSERT INTO t VALUES (1)":                                               {"INSERT INTO t ", "Values", " (1)"},
		"insert into t (a, `b)`) values('x')":                                    {"insert into t (a, `b)`) ", "Values", "('x')"},
		"INSERT INTO t FORMAT Native\n\x01\n":                                    {"INSERT INTO t ", "Native", "\x01\n"},
		"INSERT INTO t FORMAT CSV \r\n\n1":                                       {"INSERT INTO t ", "CSV", "\n1"},
		"INSERT INTO d . values (a) SETTINGS x = 'FORMAT' FORMAT JSONEachRow {}": {"INSERT INTO d . values (a) SETTINGS x = 'FORMAT' ", "JSONEachRow", "{}"},
		"/* VALUES */ INSERT -- SELECT\n t":                                      {"/* VALUES */ INSERT -- SELECT\n t", "Values", ""},
		"INSERT INTO FUNCTION file('a', 'CSV') FORMAT TSV":                       {"INSERT INTO FUNCTION file('a', 'CSV') ", "TSV", ""},
		"INSERT INTO t SELECT 1 FORMAT Null":                                     nil,
		"INSERT INTO t WITH 1 AS x SELECT x":                                     nil,
		"INSERT INTO t FROM INFILE 'a' FORMAT CSV":                               nil,
		"SELECT 'INSERT INTO t VALUES'":                                          nil,
		"INSERT INTO t FORMAT":                                                   nil,
		"INSERT":                                                                 nil,
		"":                                                                       nil,
	} {
		ins, ok := parseInsert(sql)
		var got *parts
		if ok {
			got = &parts{ins.sql, ins.format, sql[ins.dataAt:]}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q:\n%s", sql, diff)
		}
	}
}

func TestOutputFormat(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT 1":                           "",
		"SELECT 1 FORMAT JSON":               "JSON",
		"select 1 format CSV settings x = 1": "CSV",
		"SELECT 1 AS a, 'FORMAT JSON'":       "",
		"SELECT format('{}', 1)":             "",
		"SELECT (SELECT 1 FORMAT JSON)":      "",
		"SELECT 1 -- FORMAT JSON":            "",
		"SELECT 1 FORMAT":                    "",
	} {
		if got := outputFormat(sql); got != want {
			t.Errorf("%q: got %q, want %q", sql, got, want)
		}
	}
}

func FuzzStatement(f *testing.F) {
	for _, s := range []string{"INSERT INTO t (a) FORMAT CSV\n1", "SELECT 'x\\", "INSERT INTO `a", "/*", "INSERT INTO a.", "SELECT \"\"\"FORMAT\" FORMAT x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		outputFormat(s)
		ins, ok := parseInsert(s)
		if ok && (ins.dataAt < len(ins.sql) || ins.dataAt > len(s) || s[:len(ins.sql)] != ins.sql) {
			t.Errorf("%q: statement %q, data at %d", s, ins.sql, ins.dataAt)
		}
	})
}
