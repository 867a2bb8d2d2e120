package up

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestStartWaitsForTheChildrenOfAKilledMesh: they have a moment to end.
func TestStartWaitsForTheChildrenOfAKilledMesh(t *testing.T) {
	dir := t.TempDir()
	storeLock, planeLock := filepath.Join(dir, "store.lock"), filepath.Join(dir, "plane.lock")
	var log bytes.Buffer
	p := predecessor{locks: []string{storeLock, planeLock, filepath.Join(dir, "never-there")}, grace: time.Minute, logger: slog.New(slog.NewTextHandler(&log, nil))}
	p.await(t.Context())
	if log.Len() > 0 {
		t.Errorf("a first start waits: %s", log.String())
	}
	endStore, err := lock(storeLock)
	if err != nil {
		t.Fatal(err)
	}
	endPlane, err := lock(planeLock)
	if err != nil {
		t.Fatal(err)
	}
	went := make(chan struct{})
	go func() {
		defer close(went)
		p.await(t.Context())
	}()
	settled := time.After(200 * time.Millisecond)
	select {
	case <-went:
		t.Fatal("it did not wait for the store")
	case <-settled:
	}
	endStore()
	settled = time.After(200 * time.Millisecond)
	select {
	case <-went:
		t.Fatal("it did not wait for the control plane")
	case <-settled:
	}
	endPlane()
	<-went
	if said := log.String(); strings.Count(said, "waiting for an earlier mesh's process to end") != 2 {
		t.Errorf("it says %q, want a line for each", said)
	}
	again, err := lock(storeLock)
	if err != nil {
		t.Fatalf("the wait keeps the lock: %v", err)
	}
	again()
}

func TestTheWaitForAKilledMeshIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	end, err := lock(path)
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	p := predecessor{locks: []string{path}, grace: 100 * time.Millisecond}
	began := time.Now()
	p.await(t.Context())
	if took := time.Since(began); took < p.grace {
		t.Errorf("it waited %s, want %s", took, p.grace)
	}
	p.grace = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.await(ctx)
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
