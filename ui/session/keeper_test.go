package session

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// clock is a time that tests move by hand.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func open(t *testing.T) (*Keeper, *clock, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ui")
	c := &clock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	k, err := Open(Config{Dir: dir, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return k, c, dir
}

func withCookie(id string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: CookieName, Value: id})
	return r
}

func withBearer(header string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", header)
	return r
}

func TestLinkWorksOnce(t *testing.T) {
	k, _, _ := open(t)
	link := k.Link()
	id, u, err := k.SignIn(link)
	if err != nil || u.Role != Admin {
		t.Fatalf("SignIn = %+v, %v", u, err)
	}
	if _, _, err := k.SignIn(link); !errors.Is(err, ErrLink) {
		t.Errorf("second SignIn: %v, want ErrLink", err)
	}
	if got, byCookie := k.User(withCookie(id)); got != u || !byCookie {
		t.Errorf("User = %+v, %v, want %+v by cookie", got, byCookie, u)
	}
	k.SignOut(id)
	if got, _ := k.User(withCookie(id)); got.Role != Nobody {
		t.Errorf("after SignOut: %+v", got)
	}
}

func TestLinksAndSessionsExpire(t *testing.T) {
	k, c, _ := open(t)
	link := k.Link()
	c.t = c.t.Add(linkLife + time.Second)
	if _, _, err := k.SignIn(link); !errors.Is(err, ErrLink) {
		t.Errorf("SignIn with an old link: %v, want ErrLink", err)
	}
	id, _, err := k.SignIn(k.Link())
	if err != nil {
		t.Fatal(err)
	}
	for range 6 {
		c.t = c.t.Add(idleLife - time.Minute)
		if got, _ := k.User(withCookie(id)); got.Role != Admin {
			t.Fatalf("a session in use ended at %v", c.t)
		}
	}
	c.t = c.t.Add(idleLife + time.Second)
	if got, _ := k.User(withCookie(id)); got.Role != Nobody {
		t.Errorf("an idle session lives on: %+v", got)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	k, c, _ := open(t)
	first, _, _ := k.SignIn(k.Link())
	for range maxSessions {
		c.t = c.t.Add(time.Second)
		if _, _, err := k.SignIn(k.Link()); err != nil {
			t.Fatal(err)
		}
	}
	if len(k.sessions) != maxSessions {
		t.Errorf("%d sessions, want %d", len(k.sessions), maxSessions)
	}
	if got, _ := k.User(withCookie(first)); got.Role != Nobody {
		t.Error("the longest idle session did not make room")
	}
}

func TestBearerToken(t *testing.T) {
	k, _, dir := open(t)
	path := filepath.Join(dir, TokenFile)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("token file: %v, %v, want mode 0600", info, err)
	}
	b, _ := os.ReadFile(path)
	token := strings.TrimSpace(string(b))
	cases := map[string]Role{
		"Bearer " + token:        Admin,
		"Bearer " + token + "x":  Nobody,
		"Bearer ":                Nobody,
		"Basic " + token:         Nobody,
		token:                    Nobody,
		"Bearer " + token[1:]:    Nobody,
		"bearer-ish " + token[:]: Nobody,
	}
	for header, want := range cases {
		if got, byCookie := k.User(withBearer(header)); got.Role != want || byCookie {
			t.Errorf("User(%q) = %q by cookie %v, want %q", header, got.Role, byCookie, want)
		}
	}
	again, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := again.User(withBearer("Bearer " + token)); got.Role != Admin {
		t.Error("the token did not survive a restart")
	}
}

func TestAnonymous(t *testing.T) {
	k, err := Open(Config{Dir: t.TempDir(), Anonymous: Viewer})
	if err != nil {
		t.Fatal(err)
	}
	got, byCookie := k.User(httptest.NewRequest(http.MethodGet, "/", nil))
	if got.Role != Viewer || !byCookie {
		t.Errorf("anonymous = %+v, %v", got, byCookie)
	}
	if _, err := Open(Config{Dir: t.TempDir(), Anonymous: "root"}); err == nil {
		t.Error("an unknown role is accepted")
	}
}

func TestEmptyTokenFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, TokenFile), []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("Open = %v, want a refusal: an empty token would let anyone in", err)
	}
}

func TestRolesAreOrdered(t *testing.T) {
	order := []Role{Nobody, Viewer, Operator, Admin}
	for i, have := range order {
		for j, need := range order {
			if got, want := have.Allows(need), i >= j; got != want {
				t.Errorf("%q.Allows(%q) = %v, want %v", have, need, got, want)
			}
		}
	}
}
