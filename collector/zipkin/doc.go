// Package zipkin answers Zipkin's query API, v2: services and the names of their spans,
// traces by id and by search, dependencies, and names and values of tags to choose from.
// A search's service, name, lengths and annotationQuery are all met by one span. Spans
// are translated as the OpenTelemetry Collector does it.
package zipkin
