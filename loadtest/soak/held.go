package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/peers/pair"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// soak is a pair under one load after the other.
type soak struct {
	pair *pair.Running
	out  io.Writer
}

// held is what a sidecar holds.
type held struct {
	rss         int64 // bytes
	descriptors int
	goroutines  int
}

func (h held) String() string {
	return fmt.Sprintf("%.1f MiB, %d descriptors, %d goroutines", float64(h.rss)/(1<<20), h.descriptors, h.goroutines)
}

// both are the caller's and the app's sidecar.
type both [2]held

func (b both) String() string { return fmt.Sprintf("caller's %v; app's %v", b[0], b[1]) }

func (s *soak) held(ctx context.Context) (b both, err error) {
	for i, p := range s.pair.Processes {
		m, err := proc.System().Memory(p.PID())
		if err != nil {
			return b, err
		}
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID()))
		if err != nil {
			return b, err
		}
		n, err := goroutines(ctx, s.pair.Admin[i].String())
		if err != nil {
			return b, err
		}
		b[i] = held{m.RSS, len(files), n}
	}
	return b, nil
}

// goroutines is what a sidecar's admin page says of them.
func goroutines(ctx context.Context, admin string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(page) {
		if n, ok := bytes.CutPrefix(line, []byte("sightline_goroutines ")); ok {
			return strconv.Atoi(string(bytes.TrimSpace(n)))
		}
	}
	return 0, errors.New("the admin page does not tell of goroutines")
}

// Slack is what may be held at the end beyond the beginning: kept connections to the
// other sidecar and to the app come and go, 128 of each at most, and a heap that has
// grown under load is given back slowly.
const (
	slackHandles = 300
	slackBytes   = 48 << 20
)

// settle waits until no more is held than before and says what is.
func (s *soak) settle(ctx context.Context, before both) (after both, err error) {
	for range 60 {
		if after, err = s.held(ctx); err != nil {
			return after, err
		}
		if leak(before, after) == nil {
			return after, nil
		}
		select {
		case <-ctx.Done():
			return after, ctx.Err()
		case <-time.After(time.Second):
		}
	}
	return after, leak(before, after)
}

// leak is what is held at the end that was not before.
func leak(before, after both) error {
	for i, who := range []string{"caller's", "app's"} {
		b, a := before[i], after[i]
		if a.descriptors > b.descriptors+slackHandles || a.goroutines > b.goroutines+2*slackHandles || a.rss > b.rss+slackBytes {
			return fmt.Errorf("the %s sidecar held %v and holds %v", who, b, a)
		}
	}
	return nil
}

func (s *soak) say(format string, args ...any) { _, _ = fmt.Fprintf(s.out, format+"\n", args...) }
