// Package clickhouse keeps the mesh's telemetry in ClickHouse and answers questions
// about it. The same code talks to the embedded engine over HTTP
// ("http://user:password@127.0.0.1:8123/sightline") and to a server over the native
// protocol ("clickhouse://…"); only the DSN differs.
//
// Every statement is a file under sql: values travel as query parameters, never as
// text of a statement. A batch is inserted with a token: storing it again with the
// same token changes nothing, the tables that views fill included, as long as fewer
// than a thousand batches of that table lie between the two tries.
//
// That holds for the embedded engine however it ends, because package store mends what the
// engine remembers before it starts again (see package dedup). A server of one's own does
// not: where it is killed in the moment between noting a batch of a MergeTree table in its
// deduplication log and putting the batch's part in place, it answers the next try with
// success and stores nothing, and nobody is told. Newer releases than 26.7 note the batch
// last; then it may be stored twice. Replicated tables, which commit both in one step in
// Keeper, have neither.
//
// A DSN with ?cluster=name spreads the tables over the servers of a cluster, each shard
// replicated: the same migrations, ON CLUSTER, with Replicated and Distributed engines. The
// servers need Keeper and the macros shard and replica, and name the cluster in
// remote_servers. Tests read all its statements with the engine's own parser and run them
// on one shard; ON CLUSTER, replicas and several shards want servers with Keeper, which the
// embedded engine is not, and are untested.
//
// Queries run under budgets of time and memory, end when their context does, and are
// safe to call from several goroutines.
package clickhouse
