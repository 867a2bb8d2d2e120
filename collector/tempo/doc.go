// Package tempo answers as Grafana Tempo does over HTTP: traces by id, search by TraceQL
// or by tags, and what Grafana's search builder lists. The part of TraceQL that is
// understood is in package traceql; there are no metrics of it, and no streaming over
// gRPC (Grafana asks for that only where its data source says so).
package tempo
