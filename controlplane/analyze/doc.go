// Package analyze says what is wrong, odd or without effect in a configuration before it
// takes effect: all that package config refuses and warns of, and what can only be seen
// by looking at rules against each other.
//
// Each finding has a code that config.Codes explains; CODES.md is made of that.
package analyze
