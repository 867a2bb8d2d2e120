package store

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

func TestRequestsAreTimed(t *testing.T) {
	ctx := t.Context()
	var mu sync.Mutex
	seen := map[string]int{}
	failed := map[string]error{}
	s, err := Open(ctx, Config{Dir: t.TempDir(), Observe: func(r Request) {
		mu.Lock()
		defer mu.Unlock()
		seen[r.Operation]++
		if r.Took <= 0 {
			t.Errorf("%s took %s", r.Operation, r.Took)
		}
		if r.Err != nil {
			failed[r.Operation] = r.Err
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	notes := TableOf[note](s, "notes")
	if err := notes.Create(ctx, "a", note{"one"}); err != nil {
		t.Fatal(err)
	}
	if err := notes.Create(ctx, "a", note{"two"}); !errors.Is(err, ErrExists) {
		t.Fatalf("second create: %v, want ErrExists through the timing as without", err)
	}
	if _, _, err := notes.List(ctx); err != nil {
		t.Fatal(err)
	}
	lease, err := s.Grant(ctx, time.Minute)
	if err == nil {
		err = errors.Join(s.Renew(ctx, lease), s.Revoke(ctx, lease))
	}
	if err != nil {
		t.Fatal(err)
	}
	for n := range int64(3) {
		if err := s.Commit(ctx, nil, notes.Put(string(rune('a'+n)), note{})); err != nil {
			t.Fatal(err)
		}
	}
	if err := notes.DeleteOldest(ctx, 1); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := notes.List(gone); err == nil {
		t.Fatal("a list without time was answered")
	}
	mu.Lock()
	defer mu.Unlock()
	for operation, want := range map[string]int{"commit": 5, "get": 3, "delete": 1, "grant": 1, "renew": 1, "revoke": 1} {
		if seen[operation] != want {
			t.Errorf("%d of %s are told, want %d", seen[operation], operation, want)
		}
	}
	if len(failed) != 1 || !errors.Is(failed["get"], context.Canceled) {
		t.Errorf("failed: %v, want the get that was cancelled alone: a guard that does not hold is an answer", failed)
	}
	if bytes, most, ok := s.Size(); !ok || bytes <= 0 || most != quota {
		t.Errorf("size %d of %d, %v", bytes, most, ok)
	}
}
