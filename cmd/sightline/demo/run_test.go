package demo

import (
	"context"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// nobody is an API that knows of no workload.
type nobody struct{}

func (nobody) Get(context.Context, string, url.Values, any) error   { return nil }
func (nobody) Send(context.Context, string, string, any, any) error { return nil }

// TestWorkloadThatGivesUpEndsTheDemo with that workload's own words.
func TestWorkloadThatGivesUpEndsTheDemo(t *testing.T) {
	dir := t.TempDir()
	proxy := filepath.Join(dir, "proxy")
	if err := os.WriteFile(proxy, []byte("#!/bin/sh\necho 'proxy: open state: read-only file system' >&2\nexit 2\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Run(t.Context(), Config{Dir: dir, Proxy: proxy, Shop: proxy, Progress: io.Discard}, nobody{})
	if err == nil || !strings.Contains(err.Error(), "exit status 2: open state: read-only file system") {
		t.Errorf("Run = %v, want why the first workload ended", err)
	}
}
