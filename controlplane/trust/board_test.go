package trust

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestSum(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		at       Now
		holder   mesh.Holder
		old, lag int
		alarm    string
	}{
		"joined, and silent so far":   {Now{1, "b", "a"}, mesh.Holder{}, 0, 1, ""},
		"renewed":                     {Now{1, "b", "a"}, mesh.Holder{Version: 1, Signer: "b"}, 0, 0, ""},
		"not renewed":                 {Now{1, "b", "a"}, mesh.Holder{Version: 1, Signer: "a"}, 1, 0, ""},
		"of SPIRE":                    {Now{1, "b", "a"}, mesh.Holder{Version: 1, Signer: "x"}, 0, 0, ""},
		"it is not known who it was":  {Now{1, "b", ""}, mesh.Holder{Version: 1, Signer: "x"}, 1, 0, ""},
		"a short life, just begun":    {Now{1, "b", ""}, mesh.Holder{Version: 1, Signer: "b", Issued: now, Expires: now.Add(time.Minute)}, 0, 0, ""},
		"a long life near its end":    {Now{1, "b", ""}, mesh.Holder{Version: 1, Signer: "b", Issued: now.Add(-99 * time.Hour), Expires: now.Add(time.Hour)}, 0, 0, "critical"},
		"a life that is over already": {Now{1, "b", ""}, mesh.Holder{Version: 1, Signer: "b", Issued: now.Add(-time.Hour), Expires: now.Add(-time.Second)}, 0, 0, "expired"},
	} {
		b := &Board{now: func() Now { return c.at }, wake: make(chan struct{}, 1), seats: map[uint64]mesh.Holder{}}
		b.Join(mesh.Holder{}).Report(c.holder)
		sum := b.Sum()
		troubled := ""
		for _, h := range sum.Troubled {
			troubled = h.Alarm
		}
		if sum.Old != c.old || len(sum.Outdated) != c.old || sum.Lag != c.lag || troubled != c.alarm {
			t.Errorf("%s: %+v, want %d old, %d that lag, alarm %q", name, sum, c.old, c.lag, c.alarm)
		}
	}
}

func TestWhatHoldersSayIsBounded(t *testing.T) {
	b := &Board{now: func() Now { return Now{} }, wake: make(chan struct{}, 1), seats: map[uint64]mesh.Holder{}}
	b.Join(mesh.Holder{}).Report(mesh.Holder{Failures: 1, Failure: "x" + strings.Repeat("é", 4000)})
	got := b.Sum().Troubled[0].Failure
	if len(got) > words || len(got) < words-4 || !utf8.ValidString(got) {
		t.Errorf("%d bytes are kept, valid %v", len(got), utf8.ValidString(got))
	}
}

// Every holder says once a minute how its clock goes: that is no news, until it goes wrong.
func TestClocksAreNewsWhenTheyGoWrong(t *testing.T) {
	b := &Board{now: func() Now { return Now{} }, wake: make(chan struct{}, 1), seats: map[uint64]mesh.Holder{}}
	expires := time.Now().Add(time.Hour)
	seat := b.Join(mesh.Holder{Instance: "web-1"})
	for n, c := range []struct {
		ahead  time.Duration
		news   bool
		skewed int
	}{
		{time.Second, true, 0}, // the first report
		{-20 * time.Second, false, 0},
		{59 * time.Second, false, 0},
		{-time.Minute, true, 1},
		{-2 * time.Minute, true, 1},
		{0, true, 0},
		{time.Second, false, 0},
	} {
		select {
		case <-b.wake:
		default:
		}
		seat.Report(mesh.Holder{Instance: "web-1", Expires: expires, ClockAheadMs: mesh.Milliseconds(c.ahead)})
		if news := len(b.wake) == 1; news != c.news {
			t.Errorf("report %d, %s ahead: news %v, want %v", n, c.ahead, news, c.news)
		}
		if got := b.Sum().Skewed; len(got) != c.skewed {
			t.Errorf("report %d, %s ahead: %d clocks go wrong, want %d", n, c.ahead, len(got), c.skewed)
		}
	}
}
