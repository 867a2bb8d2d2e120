// Package session says who a request to the UI comes from.
//
// People sign in with a one-time link whose secret travels in the URL's fragment, so
// that it never reaches a log, and get a cookie. Programs send a bearer token, kept in
// a file that only its owner can read. Secrets are held as SHA-256 sums: looking one
// up takes the same time whether it is nearly right or not at all.
package session
