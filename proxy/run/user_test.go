package run

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestUsers(t *testing.T) {
	for said, want := range map[string]User{
		"root":       {name: "root"},
		"0":          {name: "root"},
		"4242:4343":  {uid: 4242, gid: 4343},
		"root:4343":  {gid: 4343, name: "root"},
		"4242:root":  {uid: 4242},
		"4242":       {},
		"nobody-at-": {},
		"-1:0":       {},
		"0:nothing-": {},
	} {
		u, err := ParseUser(said)
		fails := want.name == "" && want.uid == 0
		if (err != nil) != fails {
			t.Errorf("%s: %+v, %v", said, u, err)
			continue
		}
		if !fails && (u.uid != want.uid || u.gid != want.gid || u.name != want.name) {
			t.Errorf("%s: %+v, want %+v", said, u, want)
		}
		if fails && !strings.Contains(err.Error(), "of this machine") {
			t.Errorf("%s: %v", said, err)
		}
	}
	u := User{name: "app", home: "/srv/app"}
	if got := u.environ([]string{"HOME=/root", "A=b", "USER=root"}); !slices.Equal(got, []string{"A=b", "HOME=/srv/app", "USER=app", "LOGNAME=app"}) {
		t.Errorf("environment %q", got)
	}
}

// TestAppRunsAsItsUser: it has that user's rights alone.
func TestAppRunsAsItsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: no app can be another user's")
	}
	u, err := ParseUser("4242:4343")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	a := &App{
		Args: []string{"sh", "-c", "id -u; id -g; id -G; grep CapEff /proc/self/status"},
		Env:  os.Environ(), Stdout: &out, Grace: time.Minute, User: u,
	}
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	<-a.Ended()
	if want := "4242\n4343\n4343\nCapEff:\t0000000000000000\n"; out.String() != want {
		t.Errorf("it says %q, want %q", out.String(), want)
	}
}
