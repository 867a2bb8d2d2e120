// Package pair starts what the comparison compares: nothing between caller and app, a
// pair of Sightline sidecars, pairs of other proxies. Each runs as real processes on
// free loopback ports, and does the same work: mutual TLS 1.3 between the two,
// connections kept open, and, unless it says otherwise, every request accounted for.
package pair

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/peers/drive"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// Host is what callers ask for, whatever is in between.
const Host = "echo"

// patience is how long a pair may take until it carries requests.
const patience = 30 * time.Second

// Running is a pair that carries requests.
type Running struct {
	// Address is where callers send.
	Address netip.AddrPort
	// Processes are those whose use of processor and memory is the pair's: none for a
	// direct call, else the caller's side first.
	Processes []*proc.Process
	// Admin is where each of the processes tells of itself; only Sightline's do.
	Admin []netip.AddrPort
	// HTTP2 says that callers speak HTTP/2 with prior knowledge, and so does the app.
	HTTP2 bool

	account  func(context.Context) (Account, error)
	answered func(context.Context, netip.AddrPort) error // nil asks an echo
}

// Account is what a pair says of the requests it carried.
type Account struct {
	Rows  uint64 // access-log rows
	Spans uint64
	RED   uint64 // RED rows
	// Dropped is by signal and reason, such as "traces: buffer full".
	Dropped map[string]uint64
}

// Account waits until all that was told is where it belongs and counts it.
func (r *Running) Account(ctx context.Context) (Account, error) {
	if r.account == nil {
		return Account{}, nil
	}
	return r.account(ctx)
}

// Stop ends the pair, the caller's side first.
func (r *Running) Stop() error {
	var bad []error
	for _, p := range r.Processes {
		bad = append(bad, p.Stop())
	}
	return errors.Join(bad...)
}

// Direct is the app itself.
func Direct(app netip.AddrPort, http2 bool) *Running { return &Running{Address: app, HTTP2: http2} }

// carries waits until a request is answered by way of the pair, and makes sure that
// its inner side takes nobody without a certificate.
func (r *Running) carries(ctx context.Context, inner netip.AddrPort) error {
	err := proc.Await(ctx, patience, r.answers, r.Processes...)
	if err != nil {
		return fmt.Errorf("send a request through: %w", err)
	}
	return refusesStrangers(ctx, inner)
}

// answers has one request answered.
func (r *Running) answers(ctx context.Context) error {
	if r.answered != nil {
		return r.answered(ctx, r.Address)
	}
	if r.HTTP2 {
		return drive.CallOnce(ctx, r.Address, Host)
	}
	held, err := drive.Hold(ctx, drive.Plan{Address: r.Address, Host: Host, Connections: 1, Body: 1})
	if err != nil {
		return err
	}
	return held.Close()
}

// environment is what the pairs' programs get of this one's: settings for Sightline
// or for Go's runtime would make the figures those of another set-up.
func environment(more ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, more...)
}
