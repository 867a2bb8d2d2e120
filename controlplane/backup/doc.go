// Package backup writes what the store holds of a mesh to a file, and puts it back.
//
// A file is lines of JSON: a header, one record each, perhaps one with what is secret,
// sealed with a passphrase, and an end that counts the records and has the checksum of
// all before it. It is as of one revision of the store. What a lease keeps is not in it:
// sidecars and control planes register again.
package backup
