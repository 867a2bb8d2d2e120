package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

const coldGoal = 100 * time.Millisecond

// dropCaches makes Linux forget the pages of files; for root alone.
const dropCaches = "/proc/sys/vm/drop_caches"

// cold is a question that is asked of an engine whose caches, and the system's, are empty.
func cold(q question) question {
	q.name, q.goal = q.name+", cold", coldGoal
	q.before = func(ctx context.Context, t *rig) error { return t.cool(ctx) }
	return q
}

// errWarm says that nothing is asked cold here.
var errWarm = errors.New("caches are not emptied")

// cool empties the caches.
func (r *rig) cool(ctx context.Context) error {
	if !r.cold || os.Geteuid() != 0 {
		return errWarm
	}
	for _, cache := range []string{"MARK", "UNCOMPRESSED", "INDEX MARK", "INDEX UNCOMPRESSED", "PRIMARY INDEX"} {
		if err := r.engineSays(ctx, "SYSTEM DROP "+cache+" CACHE"); err != nil {
			return err
		}
	}
	if err := os.WriteFile(dropCaches, []byte("3"), 0); err != nil {
		return fmt.Errorf("empty the system's caches: %w", err)
	}
	return nil
}

// engineSays has the engine carry out a statement.
func (r *rig) engineSays(ctx context.Context, statement string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.At+"/", strings.NewReader(statement))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", statement, res.Status)
	}
	return nil
}
