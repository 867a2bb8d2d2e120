// Package config reads what people write to steer the mesh: Istio's VirtualService,
// DestinationRule, PeerAuthentication, AuthorizationPolicy, RequestAuthentication and
// Telemetry, OpenSLO's SLO and our own HealthCheck, Hedge, RateLimit and TraceSampling, as YAML.
//
// Nothing in a manifest is ever ignored. A field the kind does not have, a field it
// has but the mesh does not act on, and a value of the wrong sort are each an
// error that names the path and the value. Parse looks at one manifest; Validate
// looks at all resources together, as they would be after a change, and at what is
// known to run. SetWeights edits a manifest as a careful person would: it changes
// the weights and leaves everything else, comments included, as it was.
package config

//go:generate go run ./fields
