package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWithPassword(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("good", "s3:cr/et@ \n")
	for name, c := range map[string]struct{ address, path, want, fault string }{
		"a user":         {address: "clickhouse://mesh@db:9000/sightline?cluster=main", path: good, want: "clickhouse://mesh:s3%3Acr%2Fet%40%20@db:9000/sightline?cluster=main"},
		"no user":        {address: "https://db:8443/sightline", path: good, want: "https://default:s3%3Acr%2Fet%40%20@db:8443/sightline"},
		"two passwords":  {address: "clickhouse://mesh:hush@db:9000/sightline", path: good, fault: "want one of them"},
		"no server":      {path: good, fault: "no address of a server"},
		"no file":        {address: "clickhouse://db/sightline", path: filepath.Join(dir, "none"), fault: "no such file"},
		"an empty file":  {address: "clickhouse://db/sightline", path: file("empty", "\n"), fault: "is empty"},
		"several lines":  {address: "clickhouse://db/sightline", path: file("lines", "a\nb\n"), fault: "want one line"},
		"a whole device": {address: "clickhouse://db/sightline", path: "/dev/zero", fault: "want one line"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := withPassword(c.address, c.path)
			switch {
			case c.fault == "" && (err != nil || got != c.want):
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			case c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)):
				t.Errorf("got %v, want %q in it", err, c.fault)
			case err != nil && (strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "s3")):
				t.Errorf("a password is in the error: %v", err)
			}
		})
	}
}
