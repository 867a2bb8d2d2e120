// Package tail decides which traces are worth storing when most of what there is to know
// of them is known: every trace with an error, every one that took longer than the 99th
// percentile of its route, every one that somebody marked, and of the ordinary ones as
// many a second as a budget allows.
//
// It is told of spans as they come (Note), which leaves a few bytes for each trace, and
// asked about them when they have waited on disk for a while (Judge): the spans themselves
// are never kept here. An ordinary trace is kept by its randomness, as OpenTelemetry's
// consistent samplers do it (package sampling), so that the share is known, and everybody
// who keeps that share keeps the same traces. The share of a second is the budget over how
// many ordinary traces began in it, or in recent ones if that were more; it stays the same
// while that uses about as much of the budget.
//
// The traces that are worth it, and the shares, are also written to files, so that a
// process that is killed is followed by one that decides the same though some of the spans
// have left the queue. They survive the process, not the machine. Of ordinary traces under way
// at that moment some may be kept in part.
//
// What a trace's route is, is told by its first request: the span without a parent, else the
// earliest that serves or consumes. Evidence that comes after a trace was left out saves what
// has not been judged by then.
package tail
