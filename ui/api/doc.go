// Package api serves Sightline's HTTP API, the web app, and the live stream.
//
// Everything the API can do is one table of routes (routes.go): who may call a route,
// what parameters it takes, what it answers. Authorization, the checks of parameters
// and the OpenAPI document all come from that table. Errors are RFC 9457 problem
// documents that name the field at fault.
//
// The package sees the rest of Sightline through the small interfaces in deps.go.
package api
