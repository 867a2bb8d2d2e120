package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The members elect another leader: what is asked meanwhile is answered by the new one.
func TestQuestionsOutlastAnElection(t *testing.T) {
	t.Parallel()
	all := members(t, makeFiles(t))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	notes := func(s *Store) Table[note] { return TableOf[note](s, "notes") }
	if err := notes(all[0]).Create(ctx, "a", note{"one"}); err != nil {
		t.Fatal(err)
	}
	leader := -1
	for i, s := range all {
		if s.etcd.Server.Leader() == s.etcd.Server.MemberID() {
			leader = i
		}
	}
	asked, stop := make(chan error, 2), make(chan struct{})
	for i, s := range all {
		if i == leader {
			continue
		}
		go func() {
			for {
				select {
				case <-stop:
					asked <- nil
					return
				default:
				}
				if _, err := notes(s).Get(ctx, "a"); err != nil {
					asked <- fmt.Errorf("member %d: %w", i, err)
					return
				}
			}
		}()
	}
	s := all[leader]
	all[leader] = nil
	s.etcd.Server.HardStop() // without a word: Close would hand the lead over
	awaitLeader(t, all, leader)
	close(stop)
	for range 2 {
		if err := <-asked; err != nil {
			t.Error(err)
		}
	}
	_ = s.Close()
}

// awaitLeader waits until the others have one of them lead.
func awaitLeader(t *testing.T, all []*Store, old int) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); ; <-tick.C {
		for i, s := range all {
			if i != old && s.etcd.Server.Leader() == s.etcd.Server.MemberID() {
				return
			}
		}
		if time.Now().After(end) {
			t.Fatal("no leader within 30 seconds")
		}
	}
}

func TestAway(t *testing.T) {
	for err, want := range map[error]bool{
		rpctypes.ErrLeaderChanged:                        true,
		fmt.Errorf("commit: %w", rpctypes.ErrNoLeader):   true,
		rpctypes.ErrTimeoutDueToLeaderFail:               true,
		status.Error(codes.Unavailable, "refused"):       true,
		rpctypes.ErrKeyNotFound:                          false,
		rpctypes.ErrTooManyOps:                           false,
		context.DeadlineExceeded:                         false,
		status.Error(codes.PermissionDenied, "not this"): false,
	} {
		if got := Away(err); got != want {
			t.Errorf("Away(%v) = %v", err, got)
		}
	}
}
