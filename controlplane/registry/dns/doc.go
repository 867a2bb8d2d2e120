// Package dns has the instances of a registry from the names that resources tell of: a
// ServiceEntry's hosts and endpoints, and WorkloadEntries with a name for an address.
//
// Names are asked for again when the lifetime of their answer is over, within bounds. One
// that cannot be asked for keeps the addresses that it had; that a name has none, or is
// none, is believed when it is said twice. IPv4 is asked for first, and IPv6 where there
// is none of that.
package dns
