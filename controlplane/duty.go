package controlplane

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/store"
)

// dutyTTL is how long a duty stays with who did not ask for it again.
const dutyTTL = 15 * time.Second

// takeDuty gives a duty, of which there is one, to who asks for it first, and to nobody else
// for as long as they go on asking. It reports whether it is theirs.
func (p *plane) takeDuty(ctx context.Context, duty, holder string) (bool, error) {
	table := store.TableOf[string](p.store, store.Duties)
	now, err := table.Item(ctx, duty)
	guard := table.At(duty, now.Revision)
	switch {
	case errors.Is(err, store.ErrNotFound):
		guard = table.Absent(duty)
	case errors.Is(err, store.ErrUnreadable): // nobody knows whose it is
	case err != nil:
		return false, err
	case now.Value != holder:
		return false, nil
	default:
		if err := p.store.Renew(ctx, now.Lease); !errors.Is(err, store.ErrLeaseGone) {
			return err == nil, err
		}
	}
	lease, err := p.store.Grant(ctx, dutyTTL)
	if err != nil {
		return false, err
	}
	err = p.store.Commit(ctx, []store.Guard{guard}, table.PutLeased(duty, holder, lease))
	if errors.Is(err, store.ErrConflict) {
		return false, p.store.Revoke(ctx, lease) // somebody was faster
	}
	if err != nil {
		return false, fmt.Errorf("take duty %s: %w", duty, err)
	}
	p.deps.Logger.Info("a duty has another holder", "duty", duty, "holder", holder)
	return true, nil
}
