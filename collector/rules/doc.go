// Package rules evaluates service-level objectives and Prometheus rule files over the
// store, with Prometheus' own rule manager, and posts the alerts to an Alertmanager.
//
// An SLO becomes recording rules, one error share per window, and two alerts after the
// multi-window, multi-burn-rate scheme of the SRE workbook: a page when the budget
// burns fast, a ticket when it burns slowly. Error shares are weighted by traffic: they
// are computed from the requests of the whole window, not averaged from shorter ones.
// And an alert needs a minimum of failed requests, so that one failure in a quiet night
// wakes nobody.
//
// What rules record, alerts included, goes to the store like any other metric, so that
// an alert's "for" survives a restart.
package rules
