package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

const campaignAgain = 500 * time.Millisecond

// Term is one time of leading. What is stored under its guard is refused once another
// leads, however late it comes.
type Term struct {
	key      string
	revision int64
}

// Guard holds while the term lasts.
func (t Term) Guard() Guard {
	return clientv3.Compare(clientv3.CreateRevision(t.key), "=", t.revision)
}

// Candidate is who wants to lead.
type Candidate struct {
	Office string        // one leads for each
	ID     string        // of the candidate
	TTL    time.Duration // whole seconds: how long after its last word a leader still leads
	// Lead does the leader's work until ctx ends, which it does at the latest when the
	// lease would have run out. Another leads only after that.
	Lead func(ctx context.Context, t Term)
}

// Campaign stands for election until ctx ends, again after each term.
func (s *Store) Campaign(ctx context.Context, c Candidate) {
	for ctx.Err() == nil {
		err := s.stand(ctx, c)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.log.Warn("stands for election again", "office", c.Office, "reason", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(campaignAgain):
		}
	}
}

func (s *Store) stand(ctx context.Context, c Candidate) error {
	granted, cancel := context.WithTimeout(ctx, c.TTL)
	lease, err := s.Grant(granted, c.TTL)
	cancel()
	if err != nil {
		return err
	}
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	session, err := concurrency.NewSession(s.until(waiting),
		concurrency.WithContext(s.client.Ctx()), //nolint:contextcheck // the lease is revoked after ctx has ended
		concurrency.WithLease(clientv3.LeaseID(lease)), concurrency.WithTTL(int(c.TTL/time.Second)))
	if err != nil {
		return fmt.Errorf("stand for election: %w", err)
	}
	defer func() { _ = session.Close() }()         // a lease that is not revoked runs out
	defer context.AfterFunc(session.Ctx(), stop)() //nolint:contextcheck // it ends with the lease
	election := concurrency.NewElection(session, office(c.Office))
	if err := election.Campaign(waiting, c.ID); err != nil {
		return fmt.Errorf("stand for election: %w", err)
	}
	s.serve(ctx, lease, c, Term{election.Key(), election.Rev()})
	return nil
}

// until is the store's client with a life of its own. An election of etcd's resigns in the
// client's context when its own ends, for ever if the etcd is away; in this one it does
// not, since the lease that is revoked then takes the candidacy along.
func (s *Store) until(ctx context.Context) *clientv3.Client {
	c := clientv3.NewCtxClient(ctx)
	c.KV, c.Lease, c.Watcher = s.client.KV, s.client.Lease, s.client.Watcher
	return c
}

// serve has the work done for as long as the lease is certain to last.
func (s *Store) serve(ctx context.Context, lease Lease, c Candidate, t Term) {
	term, end := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer end()
		s.outlast(term, lease, c.TTL)
	}()
	if s.Renew(term, lease) == nil { // before that nothing is certain
		c.Lead(term, t)
	}
	end()
	<-done
}

// outlast renews a lease until ctx ends or the lease may have run out: that is its time
// after the last renewal that was answered was asked for.
func (s *Store) outlast(ctx context.Context, lease Lease, ttl time.Duration) {
	until := time.Now().Add(ttl / 2) // of the first answer
	for ctx.Err() == nil {
		asked := time.Now()
		once, cancel := context.WithDeadline(ctx, earlier(until, asked.Add(ttl/4))) // another member may answer the next time
		err := s.Renew(once, lease)
		cancel()
		rest := ttl / 4
		switch {
		case err == nil:
			until = asked.Add(ttl)
		case errors.Is(err, ErrLeaseGone) || !time.Now().Before(until):
			return
		default:
			rest /= 10
		}
		select {
		case <-ctx.Done():
		case <-time.After(min(rest, time.Until(until))):
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Leader is who leads, "" for nobody.
func (s *Store) Leader(ctx context.Context, of string) (string, error) {
	res, err := s.get(ctx, office(of)+"/", clientv3.WithFirstCreate()...)
	if err != nil {
		return "", fmt.Errorf("ask who leads %s: %w", of, err)
	}
	if len(res.Kvs) == 0 {
		return "", nil
	}
	return string(res.Kvs[0].Value), nil
}

func office(name string) string { return root + Offices + "/" + name }

// Epoch names this store and no other, a restored one neither: revisions of two stores
// say nothing of each other.
func (s *Store) Epoch(ctx context.Context) (string, error) {
	return TableOf[string](s, Epoch).GetOrCreate(ctx, Epoch, func() (string, error) { return rand.Text(), nil })
}

// BeginEpoch gives the store another name than the one that is known, unless it has one by
// now.
func (s *Store) BeginEpoch(ctx context.Context, known string) error {
	return TableOf[string](s, Epoch).Update(ctx, Epoch, func(now string) (string, error) {
		if now == known {
			now = rand.Text()
		}
		return now, nil
	})
}

// Revision is how far the store has come as of now, which more than half of its members
// must agree on.
func (s *Store) Revision(ctx context.Context) (int64, error) {
	res, err := s.client.Get(ctx, root, clientv3.WithKeysOnly())
	if err != nil {
		return 0, fmt.Errorf("ask store: %w", err)
	}
	return res.Header.GetRevision(), nil
}
