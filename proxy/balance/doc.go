// Package balance chooses one of several places to send a request to, by how loaded
// each is. It knows neither what the places are nor what is sent.
package balance
