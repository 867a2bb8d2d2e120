package controlplane

import (
	"context"
	"fmt"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// settings are what holds for all of the mesh and no resource says. They are kept in
// the store, so that all control planes on it say the same, and a change of them is a
// new version of the state.
type settings struct {
	PathNormalization mesh.PathNormalization `json:"pathNormalization,omitempty"`
}

// theSettings is their one key.
const theSettings = "mesh"

// keepSettings puts into the store what the configuration says; what it leaves open
// stays as it was.
func keepSettings(ctx context.Context, s *store.Store, c *Config) error {
	if c.PathNormalization == "" {
		return nil
	}
	table := store.TableOf[settings](s, store.Settings)
	said := settings{PathNormalization: c.PathNormalization}
	was, err := table.GetOrCreate(ctx, theSettings, func() (settings, error) { return said, nil })
	if err == nil && was != said {
		err = table.Update(ctx, theSettings, func(settings) (settings, error) { return said, nil })
	}
	if err != nil {
		return fmt.Errorf("keep the mesh's settings: %w", err)
	}
	return nil
}

// settingsAt are those of a revision, the zero value when nobody ever set any.
func (p *plane) settingsAt(ctx context.Context, revision int64) (settings, error) {
	items, _, err := store.TableOf[settings](p.store, store.Settings).ListAt(ctx, revision)
	if err != nil || len(items) == 0 {
		return settings{}, err
	}
	return items[0].Value, nil
}
