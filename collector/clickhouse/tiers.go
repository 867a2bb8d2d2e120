package clickhouse

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

//go:embed sql/query/tables.sql
var tablesAsTheyAre string

// coldVolume is the volume, of whatever policy, that old days go to.
const coldVolume = "cold"

// Tiers say where old days go. The zero value is nowhere: they stay where they were written.
type Tiers struct {
	// Policy is the server's storage policy for tables that have days to send away: it has a
	// volume "cold", and all the volumes and disks of the policy that the tables have so far.
	Policy string
	// After is how long a day stays where it was written, from its end on, in whole hours.
	After time.Duration
}

// Validate names every fault.
func (t Tiers) Validate() error {
	switch {
	case t == (Tiers{}):
		return nil
	case !clusterName.MatchString(t.Policy):
		return fmt.Errorf("storage policy %q: want letters, digits, _ and -, beginning with a letter or _", t.Policy)
	case t.After < time.Hour:
		return fmt.Errorf("cold after %s: want an hour at least", t.After)
	case t.After%time.Hour != 0:
		return fmt.Errorf("cold after %s: want whole hours", t.After)
	}
	return nil
}

// staysHot are tables by day that are small, and are asked whatever the time that a question
// is about: to look there for it must not take the cold disk.
func staysHot() []string { return []string{"trace_index", "operations", "attributes"} }

// What a table's definition says of its days. One that is partitioned by more than a day is
// small.
var (
	madeByDay = regexp.MustCompile(`(?m)^CREATE TABLE IF NOT EXISTS (\w+)\n(?s:.*)^PARTITION BY (?:toDate\(.*\)|day)$`)
	keptFor   = regexp.MustCompile(`(?m)^TTL (.+) \+ (INTERVAL \d+ \w+)$`)
	madeWith  = regexp.MustCompile(`(?m)^SETTINGS (.*)$`)
)

// tiered is a table whose old days may go elsewhere.
type tiered struct{ table, day, kept string }

// tierOf is what a statement that makes a table says of its days; ok is false where it makes
// none that has days to send away.
func tierOf(statement string) (t tiered, ok bool) {
	made, kept := madeByDay.FindStringSubmatch(statement), keptFor.FindStringSubmatch(statement)
	if made == nil || kept == nil || slices.Contains(staysHot(), made[1]) {
		return t, false
	}
	return tiered{made[1], kept[1], kept[2]}, true
}

// tieredTables are the schema's tables whose old days may go elsewhere.
func tieredTables() ([]tiered, error) {
	all, err := migrations()
	if err != nil {
		return nil, err
	}
	var out []tiered
	for _, m := range all {
		if t, ok := tierOf(m.statement); ok {
			out = append(out, t)
		}
	}
	return out, nil
}

// ttl is what becomes of the table's rows.
func (t tiered) ttl(to Tiers) string {
	gone := t.day + " + " + t.kept
	if to == (Tiers{}) {
		return gone
	}
	return fmt.Sprintf("%s + INTERVAL %d HOUR TO VOLUME '%s', %s", t.day, to.hours(), coldVolume, gone)
}

// state is what a table should have of tiers.
func (t Tiers) state() tableState {
	if t == (Tiers{}) {
		return tableState{}
	}
	return tableState{policy: t.Policy, hours: t.hours()}
}

// when is it in words.
func (s tableState) when() string {
	if s.hours == 0 {
		return "nowhere"
	}
	return fmt.Sprintf("by policy %q when they have been over for %d h", s.policy, s.hours-24)
}

// hours are after the beginning of a day, which is all that a day's rows have in common.
func (t Tiers) hours() int { return 24 + int(t.After/time.Hour) }

// settings are a table's. What its rows' age means is worked out anew from the day alone when
// that is changed, and their parts are not written anew.
func (t Tiers) settings() string {
	return "storage_policy = '" + t.Policy + "', materialize_ttl_recalculate_only = 1"
}

// in is a statement that makes a table, for one whose old days go elsewhere; any other
// statement is as it was.
func (t Tiers) in(statement string) string {
	table, ok := tierOf(statement)
	if t == (Tiers{}) || !ok {
		return statement
	}
	// Neither has a $ that ReplaceAllString would take for a group of its own.
	statement = keptFor.ReplaceAllString(statement, "TTL "+table.ttl(t))
	return madeWith.ReplaceAllString(statement, "SETTINGS $1, "+t.settings())
}

// tableState is what a table has of tiers so far.
type tableState struct {
	table, policy string
	hours         int // 0 has it send nothing away
}

// change are the statements that bring a table where it should be; none where it is.
func (t Tiers) change(table tiered, is tableState) []string {
	var all []string
	want := t.state()
	if want.policy != "" && is.policy != want.policy {
		all = append(all, "ALTER TABLE "+table.table+" MODIFY SETTING "+t.settings())
	}
	if is.hours != want.hours {
		all = append(all, "ALTER TABLE "+table.table+" MODIFY TTL "+table.ttl(t))
	}
	return all
}

// Tier has old days go where the store's configuration says, from all tables that are there,
// or stay from now on where it says nothing. Days that lie elsewhere are not brought back by
// it. It changes nothing that is as it should be.
func (s *Store) Tier(ctx context.Context) error {
	all, err := tieredTables()
	if err != nil {
		return err
	}
	states, err := collect(ctx, s, tablesAsTheyAre, scanTable, nil)
	if err != nil {
		return fmt.Errorf("ask which tables send old days elsewhere: %w", err)
	}
	var bad []error
	for _, table := range all {
		at := slices.IndexFunc(states, func(is tableState) bool { return is.table == s.cluster.stored(table.table) })
		if at < 0 {
			continue // a later migration took it away
		}
		if err := s.tier(ctx, table, states[at]); err != nil {
			bad = append(bad, fmt.Errorf("send old days of %s to volume %s of storage policy %q: %w", table.table, coldVolume, s.cfg.Tiers.Policy, err))
		}
	}
	return errors.Join(bad...)
}

// tier changes a table where it is not as it should be; once it was, it leaves it to whoever
// made it otherwise: two collectors that are told different things would go on for ever.
func (s *Store) tier(ctx context.Context, table tiered, is tableState) error {
	changes := s.cfg.Tiers.change(table, is)
	if was, ok := s.tiers.Load(table.table); ok && was == s.cfg.Tiers && len(changes) > 0 {
		return fmt.Errorf("%w: they go %s, and not %s: does another collector send them elsewhere, or at another time?", errContested, is.when(), s.cfg.Tiers.state().when())
	}
	if err := s.changeAll(ctx, changes); err != nil {
		return err
	}
	s.tiers.Store(table.table, s.cfg.Tiers)
	return nil
}

var errContested = errors.New("it was told where they go, and somebody else said otherwise since")

func (s *Store) changeAll(ctx context.Context, statements []string) error {
	for _, one := range statements {
		if err := s.change(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

func scanTable(rows driver.Rows) (t tableState, err error) {
	var hours string
	if err = rows.Scan(&t.table, &t.policy, &hours); err != nil || hours == "" {
		return t, err
	}
	t.hours, err = strconv.Atoi(hours)
	return t, err
}
