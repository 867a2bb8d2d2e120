package token

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// remembered is how long a token is shown that has expired.
const remembered = 7 * 24 * time.Hour

// List is every token, the newest first, without its secret.
func (l *Ledger) List(ctx context.Context) ([]mesh.JoinToken, error) {
	all, err := l.records.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list join tokens: %w", err)
	}
	root := Fingerprint(l.trust.Root())
	signing := hex.EncodeToString(root[:])
	out := make([]mesh.JoinToken, 0, len(all))
	for id, g := range all {
		out = append(out, mesh.JoinToken{
			ID: id, Service: g.Service, Namespace: g.Namespace, Uses: g.Uses, Limited: g.Limited, Used: g.Used,
			Created: g.Created, Expires: g.Expires, By: g.By, State: g.state(l.now()), OldRoot: g.Root != signing && !g.Unreadable,
		})
	}
	slices.SortFunc(out, func(a, b mesh.JoinToken) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

func (g Grant) state(now time.Time) string {
	switch {
	case g.Unreadable:
		return "unreadable"
	case !now.Before(g.Expires):
		return "expired"
	case g.Limited && g.Uses <= 0:
		return "used up"
	}
	return "good"
}

// Revoke ends a token. Who enrolled with it keeps the certificate.
func (l *Ledger) Revoke(ctx context.Context, id string) error {
	err := l.records.Update(ctx, id, func(g Grant) (Grant, error) { return g, nil }) // ErrUnknown, for who mistyped it
	if err == nil || errors.Is(err, ErrUnreadable) {
		err = l.records.Remove(ctx, id)
	}
	if errors.Is(err, ErrUnknown) {
		err = ErrUnknown
	}
	if err != nil {
		return fmt.Errorf("revoke join token %q: %w", id, err)
	}
	return nil
}

// Prune forgets tokens that expired a week ago.
func (l *Ledger) Prune(ctx context.Context) error {
	all, err := l.records.All(ctx)
	if err != nil {
		return fmt.Errorf("prune join tokens: %w", err)
	}
	var old []string
	for id, g := range all {
		if !g.Unreadable && l.now().Sub(g.Expires) > remembered {
			old = append(old, id)
		}
	}
	if len(old) == 0 {
		return nil
	}
	return l.records.Remove(ctx, old...)
}
