// Package signal is the vocabulary of telemetry: what sidecars tell the collector,
// and the shapes in which the store answers. It imports only the standard library.
//
// Sidecars send plain OTLP. Request counts, durations and sizes (RED) travel as
// delta exponential histograms in the scope named ScopeRED, access logs as log
// records with EventName AccessLog, and spans as spans; the attribute keys below
// carry what a mesh knows beyond OpenTelemetry's semantic conventions.
package signal
