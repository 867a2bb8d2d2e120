package run

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"syscall"
	"time"
)

// patience is for how long an app may start before that is worth a word, and how long
// it is from one word to the next.
const patience = 15 * time.Second

// waiting says what keeps an app from taking requests: once, and again when it is
// something else. It is not safe for concurrent use.
type waiting struct {
	log   *slog.Logger
	began time.Time
	said  time.Time // zero before the first word
	last  lack
}

// lack is what an app does not do yet. Of one cause there is one lack.
type lack struct{ what, at, reason, want string }

func newWaiting(p Probe) waiting {
	if p.Logger == nil {
		p.Logger = slog.New(slog.DiscardHandler)
	}
	return waiting{log: p.Logger, began: time.Now()}
}

// on is told what the app lacks, as often as it was asked.
func (w *waiting) on(l lack) {
	now := time.Now()
	if l == w.last || now.Sub(w.began) < patience || now.Sub(w.said) < patience {
		return
	}
	w.said, w.last = now, l
	w.log.Warn(l.what, "error", l.at+": "+l.reason, "want", l.want, "after", now.Sub(w.began).Round(time.Second))
}

// over is told that the app takes requests.
func (w *waiting) over() {
	if !w.said.IsZero() {
		w.log.Info("the app takes requests", "after", time.Since(w.began).Round(time.Second))
	}
}

// lack is what is to be said of a port that failed with err.
func (p Probe) lack(port int, err error) lack {
	l := lack{
		what: "the app's port does not accept connections", at: address(port), reason: reasonOf(err),
		want: "the port the app listens on, --port",
	}
	if p.Path != "" && port == p.Ports[0] && l.reason != syscall.ECONNREFUSED.Error() {
		l.what, l.want = "the app does not say that it is ready", "a path that the app answers with success, --ready-path"
	}
	return l
}

// reasonOf is why the app does not answer, without the addresses in which one try
// differs from the next.
func reasonOf(err error) string {
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e.Error()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer within " + probeTime.String()
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return err.Error()
}
