// Package storagev2 has the messages of Jaeger's remote storage v2, generated from
// jaeger-idl by ../generate.sh.
package storagev2
