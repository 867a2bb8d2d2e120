// Package originate makes TLS with servers that prove themselves by certificates of any
// authority: those that the system trusts, or that a file names. It reads the files anew
// when they change, and goes on with what it had while what they hold is no good.
// Connections that stand keep what they were made with.
//
// It starts nothing: whether files have changed is looked at for each connection.
package originate
