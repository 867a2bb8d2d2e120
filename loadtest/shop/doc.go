// Package shop is the demo's application: ten small services of a web shop, each a
// process of its own, that call each other by name through their sidecars. They know
// nothing of the mesh beyond a proxy address in the environment and the habit of
// passing trace headers on, as any instrumented program does.
//
//	gateway ─┬─ catalog
//	         ├─ users
//	         ├─ recommendations ── catalog
//	         ├─ reviews (v1, v2, v3) ── ratings (gRPC; v2 and v3 only)
//	         ├─ cart ── catalog
//	         └─ checkout ─┬─ cart ── catalog
//	                      ├─ users
//	                      ├─ payments (v1, v2)
//	                      └─ shipping
package shop
