package resource

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

const (
	// HistoryCap is how many changes are kept; the oldest go first.
	HistoryCap = 1000
	// HistoryBytes is how much is kept, as it is stored, where that is less.
	HistoryBytes = 32 << 20
	// historyPage is how many are read at a time.
	historyPage = 100
	trimEvery   = 50        // changes, or:
	trimBytes   = 4 << 20   // of them
	maxUnpacked = 256 << 20 // bytes of a stored change
)

// ErrNoSuchChange is wrapped when a change is not, or no longer, in the history.
var ErrNoSuchChange = errors.New("no such change")

var errNoChange = fmt.Errorf("%w: nothing has been changed yet", ErrNoSuchChange)

// record is a mesh.Change in the store. Manifests are packed: a change holds each twice,
// and a commit has a bound.
type record struct {
	Number  uint64    `json:"number"`
	Time    time.Time `json:"time"`
	By      string    `json:"by"`
	Summary string    `json:"summary"`
	Packed  []byte    `json:"packed"` // gzip of the JSON of []mesh.ChangedResource
}

func recordKey(number uint64) string { return fmt.Sprintf("%016x", number) }

// History is up to limit changes, newest first, whose number is below the given one; 0
// is no bound. With a ref only those that touched that resource, whose empty fields fit
// anything. They come without manifests: Change has those.
func (k *Keeper) History(ctx context.Context, below uint64, limit int, about Ref) ([]mesh.Change, error) {
	out := []mesh.Change{}
	err := k.backwards(ctx, below, func(c mesh.Change) bool {
		if about == (Ref{}) || slices.ContainsFunc(c.Resources, about.fits) {
			for i := range c.Resources {
				c.Resources[i].Before, c.Resources[i].After = "", ""
			}
			out = append(out, c)
		}
		return len(out) < limit
	})
	return out, err
}

// Change is the change of a number, with the manifests before and after it.
func (k *Keeper) Change(ctx context.Context, number uint64) (mesh.Change, error) {
	r, err := k.history.Get(ctx, recordKey(number))
	if errors.Is(err, store.ErrNotFound) {
		newest, err := k.newest(ctx)
		switch {
		case err != nil:
			return mesh.Change{}, err
		case newest == 0:
			return mesh.Change{}, errNoChange
		case number == 0 || number > newest:
			return mesh.Change{}, fmt.Errorf("%w: %d; the newest is %d", ErrNoSuchChange, number, newest)
		}
		return mesh.Change{}, fmt.Errorf("%w: %d is too old to be kept", ErrNoSuchChange, number)
	}
	if err != nil {
		return mesh.Change{}, err
	}
	return r.unpack()
}

// newest is the number of the last change, 0 before the first.
func (k *Keeper) newest(ctx context.Context) (uint64, error) {
	key, err := k.history.LastKey(ctx)
	if err != nil || key == "" {
		return 0, err
	}
	number, err := strconv.ParseUint(key, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("read history: key %q is no number", key)
	}
	return number, nil
}

// backwards gives each the changes below a number, newest first, until it has enough.
func (k *Keeper) backwards(ctx context.Context, below uint64, each func(mesh.Change) bool) error {
	from := ""
	if below > 0 {
		from = recordKey(below)
	}
	for {
		items, err := k.history.Newest(ctx, from, "", historyPage)
		if err != nil {
			return err
		}
		for _, i := range items {
			if !each(k.told(i)) {
				return nil
			}
		}
		if len(items) < historyPage {
			return nil
		}
		from = items[len(items)-1].Key
	}
}

// told is a stored change; one that cannot be read says so in place of what it did.
func (*Keeper) told(i store.Item[record]) mesh.Change {
	c, err := i.Value.unpack()
	if err = cmp.Or(i.Err, err); err == nil {
		return c
	}
	number, _ := strconv.ParseUint(i.Key, 16, 64) // every key is one
	c.Number, c.Unreadable, c.Resources = number, err.Error(), []mesh.ChangedResource{}
	c.Summary = cmp.Or(c.Summary, "a change that cannot be read: "+err.Error())
	return c
}

func (r record) unpack() (mesh.Change, error) {
	c := mesh.Change{Number: r.Number, Time: r.Time, By: r.By, Summary: r.Summary}
	z, err := gzip.NewReader(bytes.NewReader(r.Packed))
	if err == nil {
		err = json.NewDecoder(io.LimitReader(z, maxUnpacked)).Decode(&c.Resources)
	}
	if err != nil {
		return c, fmt.Errorf("read change %d: %w", r.Number, err)
	}
	for i, changed := range c.Resources {
		c.Resources[i] = changed.Told()
	}
	return c, nil
}

func pack(resources []mesh.ChangedResource) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := json.NewEncoder(z).Encode(resources); err != nil {
		return nil, fmt.Errorf("write history: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("write history: %w", err)
	}
	return b.Bytes(), nil
}

// remember is the record of a change, to be stored in the commit that makes it, which it
// guards: it has the next number.
func (k *Keeper) remember(ctx context.Context, c Change, edits []edit) (record, store.Guard, error) {
	last, err := k.newest(ctx)
	if err != nil {
		return record{}, store.Guard{}, err
	}
	changed := make([]mesh.ChangedResource, len(edits))
	for i, e := range edits {
		changed[i] = mesh.ChangedResource{
			Kind: e.object.Kind, Namespace: e.object.Namespace, Name: e.object.Name,
			Before: string(e.before), After: string(e.after),
		}
	}
	packed, err := pack(changed)
	if err != nil {
		return record{}, store.Guard{}, err
	}
	r := record{Number: last + 1, Time: k.now().UTC(), By: c.By, Summary: c.summary(edits), Packed: packed}
	return r, k.history.Absent(recordKey(r.Number)), nil
}

func (k *Keeper) record(r record) store.Op { return k.history.Put(recordKey(r.Number), r) }

// summary is what a change did, in one line.
func (c Change) summary(edits []edit) string {
	if c.Summary != "" {
		return c.Summary
	}
	keys := make([]string, len(edits))
	for i, e := range edits {
		keys[i] = e.object.Key()
	}
	const most = 3
	if more := len(keys) - most; more > 0 {
		keys = append(keys[:most], fmt.Sprintf("%d more", more))
	}
	return c.Verb + " " + strings.Join(keys, ", ")
}

func (r Ref) compare(other Ref) int { return cmp.Compare(r.key(), other.key()) }

// fits reports whether a resource is the one meant.
func (r Ref) fits(c mesh.ChangedResource) bool {
	return (r.Kind == "" || r.Kind == c.Kind) && (r.Namespace == "" || r.Namespace == c.Namespace) && (r.Name == "" || r.Name == c.Name)
}
