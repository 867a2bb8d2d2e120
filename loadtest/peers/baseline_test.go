package main

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/peers/drive"
	"github.com/sightline-mesh/sightline/loadtest/peers/pair"
)

// The pairs made of Go's standard library carry what the others do.
func TestBaselinesCarryRequests(t *testing.T) {
	runtime.LockOSThread() // as main does
	defer runtime.UnlockOSThread()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	app, at, err := startApp(t.Context(), roleApp, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = app.Stop() }()
	for _, k := range []pair.Kind{pair.ReverseProxy, pair.Splice} {
		r, err := pair.Peer{Kind: k, Path: self, Dir: filepath.Join(t.TempDir(), "pair"), App: at, Log: t.Output()}.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		res, err := drive.Run(t.Context(), drive.Plan{
			Address: r.Address, Host: pair.Host, Connections: 4, Rate: 200, For: 200 * time.Millisecond, Body: 16 << 10,
		})
		// Go's Transport now and then breaks off an answer that comes before its own
		// writer has noted the end of the request; the comparison counts that as it is.
		if err != nil || res.Answered < 35 {
			t.Errorf("%s: %+v, %v; want nearly all of 40 answered", k.Name, res, err)
		}
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	}
}
