// Package jaeger answers as Jaeger does: its HTTP APIs v1 and v3, its gRPC query service
// v3, and its remote storage v2, by which a real Jaeger keeps its traces here. The
// messages are those of jaeger-idl; apiv3, storagev2 and expressionv1 are generated from it.
//
// A search without a service is answered, conditions are met by one span, and pages go on
// where the one before ended. Jaeger's structured filters and its search for single spans
// are refused; dependencies count every request, not only those with spans.
package jaeger

//go:generate ./generate.sh
