// Package token verifies the tokens (JWT) that requests carry, and says what the app
// is told of them.
//
// A request without a token passes, without a principal; one with a token that none
// of the rules takes is refused. Only signatures with public keys are taken (RS, PS,
// ES, EdDSA): a key never serves an algorithm of another sort than its own.
//
// Keys that an issuer publishes are fetched by a Fetcher, in the background. A
// request waits for a fetch only when it names a key that is not known yet, and only
// for KeyWait; a flood of such requests makes at most one fetch in Cooldown. While an
// issuer cannot be reached, the last good keys stay in use.
//
// No token, and no part of one but its issuer, is ever in an error.
package token
