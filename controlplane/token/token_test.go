package token

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// memory is Records without a store.
type memory map[string]Grant

func (m memory) Create(_ context.Context, id string, g Grant) error {
	m[id] = g
	return nil
}

func (m memory) Update(_ context.Context, id string, change func(Grant) (Grant, error)) error {
	g, ok := m[id]
	if !ok {
		return ErrUnknown
	}
	next, err := change(g)
	if err == nil {
		m[id] = next
	}
	return err
}

func (m memory) All(context.Context) (map[string]Grant, error) { return m, nil }

func (m memory) Remove(_ context.Context, ids ...string) error {
	for _, id := range ids {
		delete(m, id)
	}
	return nil
}

// trust is a mesh with roots, the first of which signs.
type trust []*x509.Certificate

func (t *trust) Root() *x509.Certificate    { return (*t)[0] }
func (t *trust) Roots() []*x509.Certificate { return *t }

var (
	root    = &x509.Certificate{Raw: []byte("a root")}
	trusted = &trust{root}
)

func TestParseReadsWhatStringWrote(t *testing.T) {
	want := New(root)
	got, err := Parse(" " + want.String() + "\n")
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if other := New(root); other.ID == want.ID || other.Secret == want.Secret {
		t.Error("two tokens are alike")
	}
}

func TestParseRefuses(t *testing.T) {
	good := New(root).String()
	for _, s := range []string{"", "slt", "slt_a_b_c", good + "_", good[:len(good)-1], strings.ToUpper(good), "x" + good} {
		if got, err := Parse(s); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: got %+v, %v, want ErrMalformed", s, got, err)
		}
	}
}

func TestRedeem(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	web := Claim{Service: "web", Namespace: "default", Account: "web"}
	for name, c := range map[string]struct {
		scope Scope
		claim Claim
		after time.Duration
		uses  int
		want  string // in the error of the last use; "" is none
	}{
		"any":                    {Scope{}, web, 0, 50, ""},
		"until the default ttl":  {Scope{}, web, DefaultTTL - 1, 1, ""},
		"after the default ttl":  {Scope{}, web, DefaultTTL, 1, "expired"},
		"its one use":            {Scope{Uses: 1}, web, 0, 1, ""},
		"one use too many":       {Scope{Uses: 2}, web, 0, 3, "used up"},
		"its service":            {Scope{Service: "web"}, web, 0, 1, ""},
		"another service":        {Scope{Service: "reviews"}, web, 0, 1, "service"},
		"another account":        {Scope{Service: "web"}, Claim{"web", "default", "admin"}, 0, 1, "account"},
		"another namespace":      {Scope{Namespace: "shop"}, web, 0, 1, "namespace"},
		"the system's, unscoped": {Scope{}, Claim{"ui", "sightline", "ui"}, 0, 1, "made for it"},
		"a pattern":              {Scope{Service: "w*", Namespace: "def*"}, web, 0, 1, ""},
		"another pattern":        {Scope{Service: "shop-*"}, web, 0, 1, `for service "shop-*"`},
		"another's namespace":    {Scope{Namespace: "team-*"}, web, 0, 1, `for namespace "team-*"`},
		"the system's, by *":     {Scope{Namespace: "*"}, Claim{"ui", "sightline", "ui"}, 0, 1, "made for it"},
		"the system's":           {Scope{Namespace: "sightline"}, Claim{"ui", "sightline", "ui"}, 0, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			records := memory{}
			clock := now
			l := NewLedger(records, trusted, func() time.Time { return clock })
			made, err := l.Create(t.Context(), c.scope)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(records[made.ID].Hash), made.Secret) {
				t.Error("the secret is stored")
			}
			clock = now.Add(c.after)
			for range c.uses {
				err = l.Redeem(t.Context(), made.String(), c.claim)
			}
			switch {
			case c.want == "" && err != nil:
				t.Errorf("got %v, want none", err)
			case c.want != "" && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want a refusal with %q", err, c.want)
			}
		})
	}
}

func TestRedeemOfAnotherSecretSaysNothingMore(t *testing.T) {
	l := NewLedger(memory{}, trusted, time.Now)
	made, err := l.Create(t.Context(), Scope{Service: "reviews"})
	if err != nil {
		t.Fatal(err)
	}
	made.Secret = New(root).Secret
	err = l.Redeem(t.Context(), made.String(), Claim{Service: "web"})
	if !errors.Is(err, ErrRefused) || strings.Contains(err.Error(), "reviews") {
		t.Errorf("got %v, want a refusal that does not tell the scope", err)
	}
	made.ID = New(root).ID
	if err := l.Redeem(t.Context(), made.String(), Claim{}); !errors.Is(err, ErrRefused) {
		t.Errorf("unknown token: got %v, want a refusal", err)
	}
}

func TestCreateRefuses(t *testing.T) {
	l := NewLedger(memory{}, trusted, time.Now)
	for _, s := range []Scope{{TTL: -1}, {Uses: -1}, {Service: "a.b"}, {Namespace: "[a-z]"}, {Service: "UP*"}} {
		if _, err := l.Create(t.Context(), s); !errors.Is(err, ErrBadScope) {
			t.Errorf("scope %+v: got %v, want ErrBadScope", s, err)
		}
	}
}

func TestListAndRevoke(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	records, roots := memory{}, trust{root}
	l := NewLedger(records, &roots, func() time.Time { return now })
	make := func(s Scope) Token {
		t.Helper()
		made, err := l.Create(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Second)
		return made
	}
	first, second := make(Scope{Uses: 1, Service: "web", By: "ada"}), make(Scope{TTL: time.Minute})
	if err := l.Redeem(t.Context(), first.String(), Claim{"web", "default", "web"}); err != nil {
		t.Fatal(err)
	}
	roots = trust{{Raw: []byte("a new root")}, root} // a rotation: both are trusted
	third := make(Scope{})
	now = now.Add(time.Minute)
	list, err := l.List(t.Context())
	if err != nil || len(list) != 3 || list[0].ID != third.ID || list[1].ID != second.ID || list[2].ID != first.ID {
		t.Fatalf("got %+v, %v, want the newest first", list, err)
	}
	if list[0].State != "good" || list[0].OldRoot || list[1].State != "expired" || !list[1].OldRoot || list[2].State != "used up" || list[2].Used != 1 {
		t.Errorf("got %+v", list)
	}
	for _, made := range []Token{first, second, third} {
		if text := fmt.Sprintf("%+v", list); strings.Contains(text, made.Secret) {
			t.Error("the list has a secret")
		}
	}
	if err := l.Revoke(t.Context(), third.ID); err != nil {
		t.Error(err)
	}
	if err := l.Redeem(t.Context(), third.String(), Claim{"web", "default", "web"}); !errors.Is(err, ErrRefused) {
		t.Errorf("revoked token: %v", err)
	}
	if err := l.Revoke(t.Context(), third.ID); !errors.Is(err, ErrUnknown) {
		t.Errorf("revoked twice: %v", err)
	}
	now = now.Add(remembered)
	if err := l.Prune(t.Context()); err != nil || len(records) != 1 {
		t.Errorf("%d tokens are remembered, %v, want that which has not expired for a week", len(records), err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(New(root).String())
	f.Add("slt___")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Parse(s)
		if err != nil {
			return
		}
		if again, err := Parse(got.String()); err != nil || again != got {
			t.Errorf("%q reads as %+v, and that as %+v, %v", s, got, again, err)
		}
	})
}
