// Package remote speaks Prometheus' remote protocols over HTTP: remote write 1.0 and 2.0
// into the store, and remote read, of samples and of streamed chunks, out of it.
//
// A request is answered when what it brought is stored. Requests that come within a
// short time are stored together, because the store pays for each insert more than for
// its rows. What is wrong with a series or a sample is said with status 400, and all the
// rest of the request is stored; so it is of a series that is one too many. A tenant that
// sends faster than it may, a store that is away or too many senders are answered
// with 503, upon which senders try again.
package remote
