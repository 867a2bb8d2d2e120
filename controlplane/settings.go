package controlplane

import (
	"context"
	"errors"
	"fmt"

	"github.com/sightline-mesh/sightline/controlplane/mirror"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// theSettings is the one key of the mesh's settings. They are kept in the store, so that
// all control planes on it say the same, and a change of them is a new version of the
// state.
const theSettings = "mesh"

// keepSettings puts into the store what the configuration says; what it leaves open
// stays as it was.
func keepSettings(ctx context.Context, s *store.Store, c *Config) error {
	if c.PathNormalization == "" {
		return nil
	}
	table := store.TableOf[mirror.Settings](s, store.Settings)
	said := mirror.Settings{PathNormalization: c.PathNormalization}
	was, err := table.GetOrCreate(ctx, theSettings, func() (mirror.Settings, error) { return said, nil })
	if errors.Is(err, store.ErrUnreadable) {
		err = s.Commit(ctx, nil, table.Put(theSettings, said))
	} else if err == nil && was != said {
		err = table.Update(ctx, theSettings, func(mirror.Settings) (mirror.Settings, error) { return said, nil })
	}
	if err != nil {
		return fmt.Errorf("keep the mesh's settings: %w", err)
	}
	return nil
}
