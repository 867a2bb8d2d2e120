package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestACommandSaysWhatItWants: no word of how many arguments a library has counted.
func TestACommandSaysWhatItWants(t *testing.T) {
	for line, want := range map[string]string{
		"status extra":                    "status: \"extra\" is one argument too many: want `sightline status`",
		"describe":                        "describe: want `sightline describe service`",
		"describe a b":                    "describe: \"b\" is one argument too many: want `sightline describe service`",
		"delete vs":                       "delete: want `sightline delete kind name`",
		"get a b c":                       "get: \"c\" is one argument too many: want `sightline get [kind] [name]`",
		"why ":                            "why: argument 1 is empty: want `sightline why trace-or-request-id`",
		"traffic":                         "traffic: want `sightline traffic service [v1=90 v2=10]`",
		"breaker trip":                    "breaker trip: want `sightline breaker trip service:version[/instance]`",
		"breaker trip cart:v1":            "breaker trip: want --reason: why; it goes into the timeline",
		"trace":                           "trace: want `sightline trace id`",
		"traces --since yesterday":        `traces: --since "yesterday": want how long ago, such as 30m, or a time such as 2026-01-31T15:04:05Z`,
		"traces --since -1h":              `traces: --since "-1h": want how long ago`,
		"traces --limit 0":                "traces: --limit 0: want 1 to 1000",
		"traces --min-duration x":         `traces: --min-duration "x": want a duration`,
		"breaker relase":                  `breaker: there is no command "relase": did you mean release?`,
		"ca xyz":                          `ca: there is no command "xyz": want reseal, revoke, rotate or status`,
		"token xyz":                       `token: there is no command "xyz": want create, list or revoke`,
		"stats":                           `there is no command "stats": did you mean status?`,
		"apply":                           "apply: want -f, --file: manifest, or a directory of them; - is standard input",
		"apply --file":                    "apply: -f, --file: wants a value: manifest, or a directory of them; - is standard input",
		"token create --ttl x":            `token create: --ttl "x": want a duration such as 30s, 5m or 24h`,
		"token create --ttl 0s":           `token create: --ttl 0s: want more than 0`,
		"token create --uses x":           `token create: --uses "x": want a whole number`,
		"analyze --fail-on never":         `analyze: --fail-on "never": want error, warning, info`,
		"status -o xml":                   `status: -o, --output "xml": want text, json or yaml`,
		"status -o wide":                  `output "wide" is for tap: want text, json or yaml`,
		"status --nosuch":                 "status: there is no flag --nosuch: `sightline status --help` lists those there are",
		"diff -1":                         "diff: there is no flag -1: `sightline diff --help` lists those there are",
		"ca rotate --abandon --force":     "ca rotate: --abandon and --force exclude each other",
		"ca rotate --timeout 0s":          "ca rotate: --timeout 0s: want more than 0",
		"delete all reviews":              `delete: kind "all": want one, such as virtualservice`,
		"traffic a v1=1 --undo":           `traffic: --undo takes no weights, and "v1=1" is one`,
		"traffic a/b":                     `traffic: service "a/b": want a name such as reviews or reviews.shop`,
		"replay -f x --last 0s":           "replay: --last: want more than 0",
		"backup":                          "backup: want the file to write: -o mesh.backup",
		"backup -o my.backup --dir /none": "backup: read the token of the mesh's own parts: ",
		"backup -o json":                  "backup: -o json: want the file to write, such as mesh.backup; ./json is one of that name",
		"tap a --to b --from c":           "tap: --from and --to exclude each other",
		"ca reseal --finish --abandon":    "ca reseal: --abandon and --finish exclude each other",
		"backup restore":                  "backup restore: want `sightline backup restore file`",
		"history --limit many":            `history: --limit "many": want a whole number`,
		"demo --rps x":                    `demo: --rps "x": want a number`,
		"apply -f a --dry-run=perhaps":    `apply: --dry-run "perhaps": want true or false`,
		"status --server 127.0.0.1:8080":  `server "127.0.0.1:8080": want a URL such as http://127.0.0.1:8080`,
	} {
		t.Setenv("SIGHTLINE_API_TOKEN", "x")
		_, err := command(t, strings.Split(line, " ")...)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("sightline %s: %v, want %q", line, err, want)
		}
	}
}

// TestEveryCommandRefusesAnEmptyArgument where it takes any, and shows its help.
func TestEveryCommandRefusesAnEmptyArgument(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if err := c.Args(c, []string{" "}); err == nil || !strings.Contains(err.Error(), "is empty") {
			t.Errorf("%s takes an empty argument: %v", c.CommandPath(), err)
		}
		args := append(strings.Fields(c.CommandPath())[1:], "--help")
		if said, err := command(t, args...); err != nil || !strings.Contains(said, "Usage:") {
			t.Errorf("%s: %v, %q", args, err, said)
		}
		for _, below := range c.Commands() {
			walk(below)
		}
	}
	walk(newRoot())
}
