// Package e2e tests the whole mesh as people run it: the programs of bin/, real
// processes, the real engine, tools that no one here wrote. Its tests run when
// SIGHTLINE_E2E is set (`make test` sets it after building); each starts what it
// needs on free loopback ports in a directory of its own, and ends it.
package e2e
