// Package traceql reads the part of TraceQL that finds traces by conditions on their
// spans, as Grafana's search builder writes it:
//
//	{resource.service.name="cart" && span.http.status_code>=500 && (duration>100ms || status=error)}
//
// Conditions are joined by &&, || and !, braces by && (the spans of one trace meet each)
// or by || (one of them). Attributes are resource.…, span.… or .… for either; besides there
// are name, kind, status, statusMessage, duration, span:id, span:parentID, trace:id,
// event:name, instrumentation:name, and of the whole trace traceDuration, rootName and
// rootServiceName, which || and ! may not stand over. Values are "text", numbers,
// durations, true and false, the words of kind and status, and nil. Regular expressions
// match the whole value.
//
// What conventions used to call http.status_code, http.method and http.target finds spans
// under their newer names too. Everything else of TraceQL (structure, pipelines,
// arithmetic, metrics) is refused, with its place.
package traceql
