package clickhouse_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// oneShard is a cluster of the engine with itself. The port is what makes the engine take
// the shard for its own; nobody listens there.
const oneShard = `<clickhouse><tcp_port>9000</tcp_port><remote_servers><main>
<shard><replica><host>127.0.0.1</host><port>9000</port></replica></shard>
</main></remote_servers></clickhouse>`

// TestDistributedTables writes and asks by way of a cluster's tables, as far as one engine
// can: one shard, and neither ON CLUSTER nor replicas, which want Keeper. A batch that is
// tried again is stored once. Spans of an earlier version's table are found beside the others.
func TestDistributedTables(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "store", "engine", "config.d")
	if err := os.MkdirAll(conf, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(conf, "cluster.xml"), []byte(oneShard), 0o600); err != nil {
		t.Fatal(err)
	}
	newest, err := clickhouse.Versions()
	if err != nil {
		t.Fatal(err)
	}
	server := storetest.Open(t, dir)
	u := openVersion(t, server, "sightline?cluster=main", newest, aMinute())
	if err := u.MigrateAlone(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, b := batch{"old", 0xaa, 3}, batch{"new", 0xbb, 5}
	u.write(t, before, sinceByTime-1)
	u.check(t, before)
	for range 2 {
		u.write(t, b, newest)
		u.check(t, before, b)
	}
}
