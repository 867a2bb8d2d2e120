// Package breaker keeps requests away from something that fails, and lets one
// request through now and then to see whether it recovered.
//
// A Breaker is in one of three states. Admitting, it lets everything through and
// counts. It trips after too many failures in a row or too low a share of successes,
// and then refuses everything for a back-off. After that it is probing: one request
// passes, whose answer decides between admitting and a longer back-off.
//
// Nothing runs in the background; time is looked at when a request asks to pass.
package breaker
