package push

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/sightline-mesh/sightline/controlplane/wire"
)

// TestAgeOfWhatIsServedFrom over refusals, a lost stream and a restart.
func TestAgeOfWhatIsServedFrom(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "feed")
	f := start(t, dir, "reviews")
	if s := f.Status(); !s.Stale.IsZero() {
		t.Errorf("before there is a set: stale since %s", s.Stale)
	}
	l := take(t, "stream", f.streams)
	push := func(version uint64, refuse error) Status {
		t.Helper()
		f.refuseWith(refuse)
		l.push <- ofService(version, "reviews")
		hear(t, l, "ack", (*wire.SubscribeRequest).GetAck)
		return f.Status()
	}
	if s := push(1, nil); s.Age(time.Now().Add(time.Hour)) != 0 {
		t.Errorf("accepted, and %s old in an hour on the same stream, want up to date", s.Age(time.Now()))
	}
	first := push(2, errors.New("no"))
	if first.Stale.IsZero() || first.Version != 1 {
		t.Errorf("after a refusal: %+v, want version 1, which is stale", first)
	}
	if s := push(3, errors.New("no")); !s.Stale.Equal(first.Stale) {
		t.Errorf("after another refusal stale since %s, want since the first, %s", s.Stale, first.Stale)
	}
	if s := push(4, nil); !s.Stale.IsZero() {
		t.Errorf("accepted again, and stale since %s", s.Stale)
	}
	saved := filepath.Join(dir, snapshotFile)
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(saved, time.Time{}, long); err != nil { // as if there had been no change for an hour
		t.Fatal(err)
	}
	before := time.Now()
	l.end <- connect.NewError(connect.CodeUnavailable, errors.New("restart"))
	l = take(t, "next stream", f.streams)
	if s := f.Status(); s.Stale.Before(before) {
		t.Errorf("without a stream stale since %s, want since it ended, after %s", s.Stale, before)
	}
	if info, err := os.Stat(saved); err != nil || info.ModTime().Before(before.Add(-time.Second)) {
		t.Errorf("the file says %v, %v, want that its set was right until the stream ended", info, err)
	}
	f.stop()

	if err := os.Chtimes(saved, time.Time{}, long); err != nil {
		t.Fatal(err)
	}
	f = start(t, dir, "reviews")
	take(t, "word that the set on disk is in force", f.Restored())
	if age := f.Status().Age(time.Now()); age < time.Hour || age > time.Hour+patience {
		t.Errorf("a set that was right an hour ago is %s old", age)
	}
	f.stop()
}

// A machine that goes down may leave the file there and nothing in it.
func TestEmptyFileIsNoSet(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, snapshotFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := start(t, dir, "reviews")
	take(t, "word that the disk was looked at", f.Restored())
	if len(f.sets) != 0 || f.Status().Version != 0 {
		t.Errorf("put %d sets in force from an empty file: %+v", len(f.sets), f.Status())
	}
	f.stop()
}
