package token

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Grant is what a token allows. Only a hash of its secret is kept.
type Grant struct {
	Hash      []byte    `json:"hash"`                // SHA-256 of the secret
	Root      string    `json:"root,omitempty"`      // fingerprint of the root that it names, hex
	Service   string    `json:"service,omitempty"`   // pattern; "" is any
	Namespace string    `json:"namespace,omitempty"` // pattern; "" is any but mesh.SystemNamespace
	Uses      int       `json:"uses,omitempty"`      // enrolments left when Limited
	Limited   bool      `json:"limited,omitempty"`
	Used      int       `json:"used,omitempty"` // enrolments there were
	Created   time.Time `json:"created,omitzero"`
	Expires   time.Time `json:"expires"`
	By        string    `json:"by"`

	Unreadable bool `json:"-"` // nothing is known of it, and it lets nobody in
}

// Scope is what a token is asked for. In patterns, * stands for any letters.
type Scope struct {
	TTL       time.Duration // 0 is 24 h
	Uses      int           // 0 is as many as come
	Service   string        // pattern: "cart", "shop-*"
	Namespace string        // pattern; it must be mesh.SystemNamespace itself to mean that
	By        string
}

// Claim is who a token's holder wants to be.
type Claim struct {
	Service   string
	Namespace string
	Account   string
}

// DefaultTTL is how long a token is good for when its maker does not say.
const DefaultTTL = 24 * time.Hour

// ErrRefused is wrapped by every refusal to redeem a token.
var ErrRefused = errors.New("join token refused")

// ErrBadScope is wrapped when a token of a scope cannot be made.
var ErrBadScope = errors.New("scope of join token")

// ErrUnknown is wrapped by Records for an id that is not there.
var ErrUnknown = errors.New("unknown token")

// ErrUnreadable is wrapped by Records.Update for a grant that cannot be read.
var ErrUnreadable = errors.New("this control plane cannot read it")

// Records keeps grants by token id.
type Records interface {
	// Create stores a new grant; the id has never been used.
	Create(ctx context.Context, id string, g Grant) error
	// Update replaces a grant with what change makes of it, in one step. An id
	// that is not there is ErrUnknown, one that cannot be read ErrUnreadable; an error of
	// change is passed on as it is.
	Update(ctx context.Context, id string, change func(Grant) (Grant, error)) error
	// All are the grants there are, those that cannot be read among them.
	All(ctx context.Context) (map[string]Grant, error)
	// Remove takes grants out; ones that are not there are no error.
	Remove(ctx context.Context, ids ...string) error
}

// Trust is whom the mesh trusts.
type Trust interface {
	// Root is the one that chains issued now end in: tokens name it.
	Root() *x509.Certificate
	// Roots are all: tokens that name another one of them are good as well.
	Roots() []*x509.Certificate
}

// Ledger makes tokens and redeems them.
type Ledger struct {
	records Records
	trust   Trust
	now     func() time.Time
}

// NewLedger keeps its grants in r and makes tokens that name a root of t.
func NewLedger(r Records, t Trust, now func() time.Time) *Ledger {
	return &Ledger{records: r, trust: t, now: now}
}

// Create makes a token of the given scope. Its secret is in the result alone.
func (l *Ledger) Create(ctx context.Context, s Scope) (Token, error) {
	if s.TTL < 0 || s.Uses < 0 {
		return Token{}, fmt.Errorf("create join token: %w: ttl %s and uses %d must not be negative", ErrBadScope, s.TTL, s.Uses)
	}
	if err := errors.Join(checkPattern("service", s.Service), checkPattern("namespace", s.Namespace)); err != nil {
		return Token{}, fmt.Errorf("create join token: %w: %w", ErrBadScope, err)
	}
	if s.TTL == 0 {
		s.TTL = DefaultTTL
	}
	t := New(l.trust.Root())
	g := Grant{
		Hash:      hash(t.Secret),
		Root:      hex.EncodeToString(t.Root[:]),
		Service:   s.Service,
		Namespace: s.Namespace,
		Uses:      s.Uses,
		Limited:   s.Uses > 0,
		Created:   l.now().UTC(),
		Expires:   l.now().UTC().Add(s.TTL),
		By:        s.By,
	}
	if err := l.records.Create(ctx, t.ID, g); err != nil {
		return Token{}, fmt.Errorf("create join token: %w", err)
	}
	return t, nil
}

// Redeem uses a token up by one for a workload. An error that is ErrRefused says
// why in words fit for the caller; another one is the ledger's own trouble.
func (l *Ledger) Redeem(ctx context.Context, text string, c Claim) error {
	t, err := Parse(text)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if !slices.ContainsFunc(l.trust.Roots(), func(r *x509.Certificate) bool { return Fingerprint(r) == t.Root }) {
		return fmt.Errorf("%w: it was made by a control plane with another root", ErrRefused)
	}
	err = l.records.Update(ctx, t.ID, func(g Grant) (Grant, error) {
		if err := g.admits(t.Secret, c, l.now()); err != nil {
			return g, fmt.Errorf("%w: %w", ErrRefused, err)
		}
		if g.Limited {
			g.Uses--
		}
		g.Used++
		return g, nil
	})
	switch {
	case errors.Is(err, ErrUnknown):
		err = fmt.Errorf("%w: there is no such token: it was revoked, or expired long ago", ErrRefused)
	case errors.Is(err, ErrUnreadable):
		err = fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if err != nil {
		return fmt.Errorf("redeem token %s: %w", t.ID, err)
	}
	return nil
}

func (g Grant) admits(secret string, c Claim, now time.Time) error {
	switch {
	case subtle.ConstantTimeCompare(g.Hash, hash(secret)) != 1:
		return errors.New("its secret is wrong") // first: the rest is told to holders only
	case !now.Before(g.Expires):
		return fmt.Errorf("it expired at %s", g.Expires.UTC().Format(time.RFC3339))
	case g.Limited && g.Uses <= 0:
		return errors.New("it is used up")
	}
	return g.covers(c)
}

// covers reports why a claim is outside the grant's scope, if it is.
func (g Grant) covers(c Claim) error {
	switch {
	case g.Service != "" && !matches(g.Service, c.Service):
		return fmt.Errorf("it is for service %q, not %q", g.Service, c.Service)
	case g.Service != "" && c.Service != c.Account:
		return fmt.Errorf("it is for the account of service %q, not %q", c.Service, c.Account)
	case c.Namespace == mesh.SystemNamespace && (g.Namespace == "" || strings.Contains(g.Namespace, "*")):
		return fmt.Errorf("namespace %q needs a token made for it", c.Namespace)
	case g.Namespace != "" && !matches(g.Namespace, c.Namespace):
		return fmt.Errorf("it is for namespace %q, not %q", g.Namespace, c.Namespace)
	}
	return nil
}

// checkPattern refuses what fits no name.
func checkPattern(field, pattern string) error {
	if pattern == "" || mesh.IsLabel(strings.ReplaceAll(pattern, "*", "a")) {
		return nil
	}
	return fmt.Errorf("%s: %q: want a name, or a pattern such as shop-*", field, pattern)
}

// matches reports whether a name fits a pattern, where * stands for any letters.
func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name) // names hold no slash, patterns none of its other signs
	return ok && err == nil
}

func hash(secret string) []byte {
	sum := sha256.Sum256([]byte(secret)) // 160 random bits need no slow hash
	return sum[:]
}
