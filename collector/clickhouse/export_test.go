package clickhouse

import "context"

// Versions is the newest schema's number.
func Versions() (int, error) {
	all, err := migrations()
	return len(all), err
}

// MigrateTo leaves the database as a version of Sightline left it whose newest migration
// had this number.
func (s *Store) MigrateTo(ctx context.Context, version int) error {
	all, err := migrations()
	if err != nil {
		return err
	}
	return s.apply(ctx, all[:version])
}
