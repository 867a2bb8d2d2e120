// Package apiv3 has the messages of Jaeger's query API v3, generated from
// jaeger-idl by ../generate.sh.
package apiv3
