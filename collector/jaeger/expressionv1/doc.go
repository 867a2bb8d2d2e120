// Package expressionv1 has the messages of Jaeger's structured filters, generated from
// jaeger-idl by ../generate.sh.
package expressionv1
