package token

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sightline-mesh/sightline/proxy/route"
)

// maxToken bounds a token, in bytes.
const maxToken = 16 << 10

// ErrRefused is wrapped when a token is not taken.
var ErrRefused = errors.New("token refused")

// Verifier verifies tokens by some rules. Its methods may be called from any
// goroutine.
type Verifier struct {
	rules   []rule
	params  map[string]bool // that tokens are looked for in
	forward bool            // some rule lets the app have its token
	strip   []route.Edit
	cache   *cache
}

// keySource has the keys of an issuer.
type keySource interface {
	// now is the newest set, nil before the first.
	now() *keySet
	// newer waits, within bounds, for a set newer than seen; it may return seen.
	newer(ctx context.Context, seen *keySet) *keySet
}

// fixed is keys that never change.
type fixed struct{ set *keySet }

func (f fixed) now() *keySet                           { return f.set }
func (f fixed) newer(context.Context, *keySet) *keySet { return f.set }

// Forwards reports whether the app may get tokens.
func (v *Verifier) Forwards() bool { return v.forward }

// Strip is what a request without a token is changed by: it must not bring what
// only verified tokens may say.
func (v *Verifier) Strip() []route.Edit { return v.strip }

// Verify is the token of the request, nil for none. One that no rule takes is
// ErrRefused. It waits at most KeyWait, and only for keys it does not know.
func (v *Verifier) Verify(ctx context.Context, q *Request) (*Verified, error) {
	var refused error
	for i := range v.rules {
		r := &v.rules[i]
		raw := r.find(q)
		if raw == "" {
			continue
		}
		t, err := v.take(ctx, r, raw)
		if err == nil {
			return t, nil
		}
		if refused == nil || errors.Is(refused, errIssuer) {
			refused = err
		}
	}
	if refused != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, refused)
	}
	return nil, nil //nolint:nilnil // no token, which is no fault
}

// errIssuer says least of why a token is refused: another rule may say more.
var errIssuer = errors.New("its issuer is not known here")

// take is the token as the rule sees it, from the cache if it is there.
func (v *Verifier) take(ctx context.Context, r *rule, raw string) (*Verified, error) {
	if len(raw) > maxToken {
		return nil, fmt.Errorf("it has %d bytes; at most %d are taken", len(raw), maxToken)
	}
	key := keyOf(r, raw)
	keys := r.keys.now()
	if t := v.cache.get(key, keys); t != nil {
		if !t.until.IsZero() && !time.Now().Before(t.until) {
			return nil, errExpired
		}
		return t, nil
	}
	payload, keys, err := r.verify(ctx, raw, keys)
	if err != nil {
		return nil, err
	}
	t, err := v.read(r, payload)
	if err != nil {
		return nil, err
	}
	v.cache.put(key, keys, t)
	return t, nil
}

// verify checks the signature, and tells which keys it was checked with.
func (r *rule) verify(ctx context.Context, raw string, keys *keySet) ([]byte, *keySet, error) {
	t, err := jose.ParseSignedCompact(strings.Clone(raw), algorithms)
	if err != nil { // it may quote the token
		return nil, nil, errors.New("it is no token, or is signed in a way that is not taken")
	}
	if c, err := parseClaims(t.UnsafePayloadWithoutVerification()); err != nil {
		return nil, nil, err
	} else if c.text("iss") != r.issuer { // not worth a look at keys
		return nil, nil, errIssuer
	}
	if keys == nil {
		if keys = r.keys.newer(ctx, nil); keys == nil {
			return nil, nil, fmt.Errorf("the keys of issuer %q could not be fetched", r.issuer)
		}
	}
	payload, known, err := keys.verify(t)
	if !known {
		if keys = r.keys.newer(ctx, keys); keys != nil {
			payload, known, err = keys.verify(t)
		}
		if !known {
			err = fmt.Errorf("issuer %q has no such key", r.issuer)
		}
	}
	return payload, keys, err
}

// read is what a payload that was verified says.
func (v *Verifier) read(r *rule, payload []byte) (*Verified, error) {
	c, err := parseClaims(payload)
	if err != nil {
		return nil, err
	}
	until, err := c.current(time.Now())
	if err != nil {
		return nil, err
	}
	if !c.audience(r.audiences) {
		return nil, errors.New("it is for another audience")
	}
	t := &Verified{tree: c.tree(r.spaced, ""), until: until, Edits: v.edits(r, payload, c)}
	if sub := c.text("sub"); sub != "" {
		t.principal = r.issuer + "/" + sub
	}
	return t, nil
}
