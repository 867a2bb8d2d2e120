package trust

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// Ledger is every certificate of a workload that is good, by serial number. Each leaves
// it by itself when it ends.
type Ledger struct {
	store *store.Store
	table store.Table[mesh.Leaf]
}

// NewLedger keeps certificates in s.
func NewLedger(s *store.Store) *Ledger {
	return &Ledger{store: s, table: store.TableOf[mesh.Leaf](s, store.Leaves)}
}

// Add enters a certificate.
func (l *Ledger) Add(ctx context.Context, leaf mesh.Leaf) error {
	held, err := l.store.Grant(ctx, time.Until(leaf.Expires))
	if err == nil {
		err = l.store.Commit(ctx, nil, l.table.PutLeased(leaf.Serial, leaf, held))
	}
	if err != nil {
		return fmt.Errorf("enter certificate %s of %s: %w", leaf.Serial, leaf.Identity, err)
	}
	return nil
}

// Get is the certificate of a serial number, store.ErrNotFound when none is good.
func (l *Ledger) Get(ctx context.Context, serial string) (mesh.Leaf, error) {
	return l.table.Get(ctx, serial)
}

// All are those that are good, the oldest first. One that cannot be read is of nobody, who
// never replaces it.
func (l *Ledger) All(ctx context.Context) ([]mesh.Leaf, error) {
	items, unread, _, err := l.table.Readable(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	out := make([]mesh.Leaf, 0, len(items))
	for _, i := range items {
		if now.Before(i.Value.Expires) { // leases are whole seconds
			out = append(out, i.Value)
		}
	}
	for _, u := range unread {
		out = append(out, mesh.Leaf{Serial: u.Key, Instance: "certificate " + u.Key + ", of which nothing can be read"})
	}
	slices.SortFunc(out, func(a, b mesh.Leaf) int {
		return cmp.Or(a.Issued.Compare(b.Issued), cmp.Compare(a.Serial, b.Serial))
	})
	return out, nil
}

// InUse are those of another signer which their workload has not replaced yet. The list
// is as All returns it.
func InUse(all []mesh.Leaf, signer string) []mesh.Leaf {
	newest := map[string]mesh.Leaf{}
	for _, l := range all {
		newest[string(l.Identity)+" "+l.Instance] = l
	}
	out := []mesh.Leaf{}
	for _, l := range all {
		if l.Signer != signer && newest[string(l.Identity)+" "+l.Instance].Serial == l.Serial {
			out = append(out, l)
		}
	}
	return out
}
