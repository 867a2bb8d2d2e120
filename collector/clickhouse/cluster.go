package clickhouse

import (
	"fmt"
	"regexp"
	"strings"
)

// cluster is where a schema lies on several servers: each table T has its rows in tables
// T_local, replicated within each shard, and is itself a Distributed table over them, so
// that whoever reads and writes does not see the difference. Views hang on the local
// tables. The zero cluster is one server.
type cluster struct{ name, database string }

// shardKeys say where a row belongs. A batch that is tried again is cut into the same
// pieces, so that each shard knows its own again; what queries bring together with IN lies
// on one shard: rows by destination, spans and their index by trace, values by series.
func shardKeys() map[string]string {
	return map[string]string{
		"migrations":    "version",
		"red":           "cityHash64(destination)",
		"red_1m":        "cityHash64(destination)",
		"red_1h":        "cityHash64(destination)",
		"edges":         "", // filled by a view alone, on the shard of red
		"edges_1m":      "", // of edges likewise
		"edges_since":   "toUnixTimestamp(time)",
		"spans":         "cityHash64(trace_id)",
		"spans_by_time": "cityHash64(trace_id)",
		"trace_index":   "cityHash64(trace_id)",
		"operations":    "", // filled by a view alone, on the spans' shard
		"attributes":    "cityHash64(key)",
		"logs":          "cityHash64(service, instance)",
		"series":        "fingerprint",
		"samples":       "fingerprint",
		"histograms":    "fingerprint",
		"exemplars":     "fingerprint",
		"metadata":      "cityHash64(metric)",
	}
}

const comments = `(?s)^((?:--[^\n]*\n)*)`

var (
	clusterName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)
	tableMade     = regexp.MustCompile(comments + `CREATE TABLE IF NOT EXISTS (\w+)\n(\(.*\n\))\nENGINE = (\w*MergeTree)(\(\w+\))?\n(.*)$`)
	viewMade      = regexp.MustCompile(comments + `CREATE ((?:OR REPLACE )?MATERIALIZED VIEW(?: IF NOT EXISTS)?) (\w+) TO (\w+) AS\n(.*\n)FROM (\w+)\n(.*)$`)
	tablesMerged  = regexp.MustCompile(comments + `CREATE TABLE IF NOT EXISTS (\w+) AS (\w+)\nENGINE = Merge\(currentDatabase\(\), '\^([\w()?]+)\$'\)$`)
	plainViewMade = regexp.MustCompile(comments + `CREATE ((?:OR REPLACE )?VIEW(?: IF NOT EXISTS)?) (\w+) AS\n(.*\n)FROM (\w+)$`)
	tableFilled   = regexp.MustCompile(comments + `INSERT INTO (\w+)\n(.*\n)FROM (\w+)\n(.*)$`)
	tableAltered  = regexp.MustCompile(comments + `ALTER TABLE (\w+)(\s+)(ADD COLUMN|ADD INDEX) (.*)$`)
	rowsKept      = regexp.MustCompile(comments + `ALTER TABLE (\w+)(\s+MODIFY (?:SETTING|TTL) .*)$`)
)

// replicatedSettings are named otherwise than those of a table on one server.
var replicatedSettings = strings.NewReplacer("non_replicated_deduplication_window", "replicated_deduplication_window")

// statements are what a statement for one server is on the cluster, in their order.
func (c cluster) statements(one string) ([]string, error) {
	if c == (cluster{}) {
		return []string{one}, nil
	}
	one = strings.TrimSpace(one)
	if f := tableMade.FindStringSubmatch(one); f != nil {
		return c.table(f[1:])
	}
	if f := viewMade.FindStringSubmatch(one); f != nil {
		return []string{fmt.Sprintf("%sCREATE %s %s TO %s AS\n%sFROM %s AS %s\n%s",
			f[1], f[2], c.on(f[3]), c.called(f[4]+"_local"), f[5], c.called(f[6]+"_local"), f[6], f[7])}, nil
	}
	if f := plainViewMade.FindStringSubmatch(one); f != nil {
		return []string{fmt.Sprintf("%sCREATE %s %s AS\n%sFROM %s", f[1], f[2], c.on(f[3]), f[4], c.called(f[5]))}, nil
	}
	if f := tablesMerged.FindStringSubmatch(one); f != nil {
		return c.merged(f[1:]), nil
	}
	if f := tableFilled.FindStringSubmatch(one); f != nil {
		return []string{fmt.Sprintf("%sINSERT INTO %s\n%sFROM %s\n%s", f[1], c.called(f[2]), f[3], c.called(f[4]), f[5])}, nil
	}
	if f := tableAltered.FindStringSubmatch(one); f != nil {
		return c.alter(f[1:])
	}
	if f := rowsKept.FindStringSubmatch(one); f != nil { // where rows lie is the local tables' alone
		return []string{f[1] + "ALTER TABLE " + c.on(f[2]+"_local") + f[3]}, nil
	}
	return nil, fmt.Errorf("%w: no form of %.60q… for a cluster is known", errSchema, one)
}

// table takes comment, name, columns, engine, its arguments and all that follows.
func (c cluster) table(f []string) ([]string, error) {
	name := f[1]
	key, ok := shardKeys()[name]
	if !ok {
		return nil, fmt.Errorf("%w: no key says to which shard a row of %s belongs", errSchema, name)
	}
	if key != "" {
		key = ", " + key
	}
	local := c.called(name + "_local")
	return []string{
		fmt.Sprintf("%sCREATE TABLE IF NOT EXISTS %s\n%s\nENGINE = Replicated%s%s\n%s", f[0], c.on(name+"_local"), f[2], f[3], f[4], replicatedSettings.Replace(f[5])),
		fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s AS %s\nENGINE = Distributed('%s', '%s', '%s_local'%s)", c.on(name), local, c.name, c.database, name, key),
	}, nil
}

// merged takes comment, name, the table whose columns it has, and whose rows it reads. Each
// server brings its local tables together.
func (c cluster) merged(f []string) []string {
	local := c.called(f[1] + "_local")
	return []string{
		fmt.Sprintf("%sCREATE TABLE IF NOT EXISTS %s AS %s\nENGINE = Merge('%s', '^%s_local$')", f[0], c.on(f[1]+"_local"), c.called(f[2]+"_local"), c.database, f[3]),
		fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s AS %s\nENGINE = Distributed('%s', '%s', '%s_local')", c.on(f[1]), local, c.name, c.database, f[1]),
	}
}

// alter takes comment, name, blanks, what is added first, and the rest. Indexes are the
// local tables' alone.
func (c cluster) alter(f []string) ([]string, error) {
	column := f[3] == "ADD COLUMN"
	if column && strings.Contains(f[4], "ADD INDEX") || !column && strings.Contains(f[4], "ADD COLUMN") {
		return nil, fmt.Errorf("%w: %s gets columns and indexes in one statement", errSchema, f[1])
	}
	change := f[2] + f[3] + " " + f[4]
	all := []string{f[0] + "ALTER TABLE " + c.on(f[1]+"_local") + change}
	if column {
		all = append(all, "ALTER TABLE "+c.on(f[1])+change)
	}
	return all, nil
}

// stored is the table that has the rows of one.
func (c cluster) stored(table string) string {
	if c == (cluster{}) {
		return table
	}
	return table + "_local"
}

func (c cluster) called(table string) string { return "`" + c.database + "`.`" + table + "`" }

func (c cluster) on(table string) string { return c.called(table) + " ON CLUSTER `" + c.name + "`" }

// check refuses names that would have to be written otherwise than as they are.
func (c cluster) check() error {
	for what, name := range map[string]string{"cluster": c.name, "database": c.database} {
		if !clusterName.MatchString(name) {
			return fmt.Errorf("%s %q: want letters, digits, _ and -, beginning with a letter or _", what, name)
		}
	}
	return nil
}
