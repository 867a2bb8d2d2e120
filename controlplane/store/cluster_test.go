package store

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"github.com/sightline-mesh/sightline/loadtest/freeport"
)

// files are the TLS files of a cluster on loopback: one certificate for all.
type files struct{ ca, cert, key string }

func makeFiles(t *testing.T) files {
	t.Helper()
	dir := t.TempDir()
	f := files{filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "member"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		IsCA:        true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		f.ca: {Type: "CERTIFICATE", Bytes: cert}, f.cert: {Type: "CERTIFICATE", Bytes: cert}, f.key: {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// freeAddress is one that stays free until a member listens on it, or does so again.
func freeAddress(t *testing.T) string {
	t.Helper()
	found, err := freeport.Find(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return found[0].String()
}

// members opens a store on each of three embedded members.
func members(t *testing.T, f files) []*Store {
	t.Helper()
	var peers []string
	names := []string{"a", "b", "c"}
	for _, name := range names {
		peers = append(peers, name+"=https://"+freeAddress(t))
	}
	out := make([]*Store, len(names))
	var opened sync.WaitGroup
	for i, name := range names {
		dir := t.TempDir()
		opened.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			s, err := Open(ctx, Config{Dir: dir, Member: f.member(name, strings.Join(peers, ","))})
			if err != nil {
				t.Error(err)
				return
			}
			out[i] = s
		})
	}
	opened.Wait()
	t.Cleanup(func() {
		for _, s := range out {
			if s != nil { // one that the test has closed is nil
				_ = s.Close()
			}
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	return out
}

func (f files) member(name, peers string) Member {
	return Member{Name: name, Peers: peers, CertFile: f.cert, KeyFile: f.key, CAFile: f.ca}
}

func closeMember(all []*Store, i int) error {
	s := all[i]
	all[i] = nil
	return s.Close()
}

func TestMembersHoldTheStateTogether(t *testing.T) {
	t.Parallel()
	all := members(t, makeFiles(t))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := TableOf[note](all[0], "notes").Create(ctx, "a", note{"one"}); err != nil {
		t.Fatal(err)
	}
	for i, s := range all {
		if got, err := TableOf[note](s, "notes").Get(ctx, "a"); err != nil || got.Text != "one" {
			t.Errorf("member %d has %+v, %v", i, got, err)
		}
	}
	if err := closeMember(all, 0); err != nil {
		t.Error(err)
	}
	if err := TableOf[note](all[1], "notes").Update(ctx, "a", func(note) (note, error) { return note{"two"}, nil }); err != nil {
		t.Fatalf("with two of three: %v", err)
	}
	if got, err := TableOf[note](all[2], "notes").Get(ctx, "a"); err != nil || got.Text != "two" {
		t.Errorf("with two of three: %+v, %v", got, err)
	}
	_ = closeMember(all, 1)
	alone, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	if err := all[2].Alive(alone); err == nil {
		t.Error("one of three says that it is alive")
	}
}

func TestMemberIsChecked(t *testing.T) {
	for name, test := range map[string]struct {
		member Member
		want   string
	}{
		"none":            {Member{}, ""},
		"no peers":        {Member{Name: "a"}, "give both"},
		"no name":         {Member{Peers: "a=http://127.0.0.1:1"}, "give both"},
		"not among them":  {Member{Name: "x", Peers: "a=http://127.0.0.1:1"}, "none of the peers"},
		"even number":     {Member{Name: "a", Peers: "a=http://127.0.0.1:1,b=http://127.0.0.1:2"}, "odd number"},
		"no port":         {Member{Name: "a", Peers: "a=http://127.0.0.1"}, "want name=https"},
		"twice":           {Member{Name: "a", Peers: "a=http://127.0.0.1:1,a=http://127.0.0.1:2"}, "twice"},
		"in the open":     {Member{Name: "a", Peers: "a=http://10.0.0.1:1"}, "want https"},
		"no certificates": {Member{Name: "a", Peers: "a=https://10.0.0.1:1"}, "etcd-peer-cert-file"},
		"loopback":        {Member{Name: "a", Peers: "a=http://127.0.0.1:1"}, ""},
	} {
		err := test.member.Validate()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

// server is an etcd that wants certificates of its clients.
func server(t *testing.T, f files) string {
	t.Helper()
	at, _ := startServer(t, f)
	return at
}

func startServer(t *testing.T, f files) (at string, end func()) {
	t.Helper()
	at = "https://" + freeAddress(t)
	client, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	e := embed.NewConfig()
	e.Dir, e.LogLevel = t.TempDir(), "error"
	e.ListenClientUrls, e.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
	e.ListenPeerUrls = nil
	e.InitialCluster = e.Name + "=" + e.AdvertisePeerUrls[0].String()
	e.ClientTLSInfo = transport.TLSInfo{CertFile: f.cert, KeyFile: f.key, TrustedCAFile: f.ca, ClientCertAuth: true}
	s, err := embed.StartEtcd(e)
	if err != nil {
		t.Fatal(err)
	}
	end = sync.OnceFunc(s.Close)
	t.Cleanup(end)
	<-s.Server.ReadyNotify()
	return at, end
}

func TestClusterIsReachedWithCertificatesAndAUser(t *testing.T) {
	t.Parallel()
	f := makeFiles(t)
	at := server(t, f)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	access := Access{CAFile: f.ca, CertFile: f.cert, KeyFile: f.key}
	s, err := Open(ctx, Config{Endpoints: []string{at}, Access: access})
	if err != nil {
		t.Fatal(err)
	}
	restrict(t, s.client)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	access.User, access.PasswordFile = "mesh", password
	if s, err = Open(ctx, Config{Endpoints: []string{at}, Access: access}); err != nil {
		t.Fatal(err)
	}
	if err := TableOf[note](s, "notes").Create(ctx, "a", note{"one"}); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(password, []byte("wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]Access{
		"wrong password": access,
		"no certificate": {CAFile: f.ca},
		"no file":        {CAFile: f.ca + ".none"},
	} {
		soon, cancel := context.WithTimeout(ctx, 2*time.Second)
		if s, err := Open(soon, Config{Endpoints: []string{at}, Access: bad}); err == nil {
			t.Errorf("%s: opened", name)
			_ = s.Close()
		}
		cancel()
	}
}

// restrict lets only the user mesh in.
func restrict(t *testing.T, c *clientv3.Client) {
	t.Helper()
	ctx := t.Context()
	end := clientv3.GetPrefixRangeEnd(root)
	_, err := c.RoleAdd(ctx, "mesh")
	for _, step := range []func() error{
		func() error {
			_, err := c.RoleGrantPermission(ctx, "mesh", root, end, clientv3.PermissionType(clientv3.PermReadWrite))
			return err
		},
		func() error { _, err := c.UserAdd(ctx, "mesh", "secret"); return err },
		func() error { _, err := c.UserGrantRole(ctx, "mesh", "mesh"); return err },
		func() error { _, err := c.RoleAdd(ctx, "root"); return err },
		func() error { _, err := c.UserAdd(ctx, "root", "admin"); return err },
		func() error { _, err := c.UserGrantRole(ctx, "root", "root"); return err },
		func() error { _, err := c.AuthEnable(ctx); return err },
	} {
		if err == nil {
			err = step()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestOneLeadsAndAnOldOneIsRefused(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := open(t, t.TempDir())
	notes := TableOf[note](s, "notes")
	const life = 5 * time.Second // of a lease, which a busy machine does not sleep through
	terms := make(chan Term)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	first, leave := context.WithCancel(ctx)
	stand := func(ctx context.Context, id string) {
		all.Go(func() {
			s.Campaign(ctx, Candidate{Office: "test", ID: id, TTL: life, Lead: func(ctx context.Context, t Term) {
				terms <- t
				<-ctx.Done()
			}})
		})
	}
	stand(first, "one")
	old := <-terms
	stand(ctx, "two")
	if who, err := s.Leader(ctx, "test"); err != nil || who != "one" {
		t.Errorf("%q leads, %v, want one", who, err)
	}
	if err := s.Commit(ctx, []Guard{old.Guard()}, notes.Put("a", note{"by one"})); err != nil {
		t.Errorf("the leader's word: %v", err)
	}
	select {
	case <-terms:
		t.Fatal("two lead")
	case <-time.After(life * 3 / 2): // longer than a lease that is not kept
	}
	leave()
	next := <-terms
	if who, err := s.Leader(ctx, "test"); err != nil || who != "two" {
		t.Errorf("%q leads, %v, want two", who, err)
	}
	if err := s.Commit(ctx, []Guard{old.Guard()}, notes.Put("a", note{"by one, late"})); !errors.Is(err, ErrConflict) {
		t.Errorf("an old leader's word: got %v, want ErrConflict", err)
	}
	if err := s.Commit(ctx, []Guard{next.Guard()}, notes.Put("a", note{"by two"})); err != nil {
		t.Errorf("the new leader's word: %v", err)
	}
}

// A leader whose lease ends, for whatever reason, stops before the next begins.
func TestALeaderWithoutALeaseStops(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	const life = 12 * time.Second // renewed at a quarter
	lease, err := s.Grant(t.Context(), life)
	if err != nil {
		t.Fatal(err)
	}
	led, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		s.serve(t.Context(), lease, Candidate{TTL: life, Lead: func(ctx context.Context, _ Term) {
			close(led)
			<-ctx.Done()
		}}, Term{})
	}()
	<-led
	if err := s.Revoke(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(life):
		t.Error("leads longer than its lease would have lasted")
	}
}

// Who stands for election ends when it is told to, whether the etcd is there or not.
func TestACandidateEndsWithoutTheCluster(t *testing.T) {
	t.Parallel()
	f := makeFiles(t)
	at, end := startServer(t, f)
	s, err := Open(t.Context(), Config{Endpoints: []string{at}, Access: Access{CAFile: f.ca, CertFile: f.cert, KeyFile: f.key}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	const life = 2 * time.Second
	led, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		var all sync.WaitGroup
		defer all.Wait()
		stand := func(id string, lead func()) {
			all.Go(func() {
				s.Campaign(ctx, Candidate{Office: "test", ID: id, TTL: life, Lead: func(ctx context.Context, _ Term) {
					lead()
					<-ctx.Done()
				}})
			})
		}
		stand("one", func() {
			stand("two", func() {})
			close(led)
		})
	}()
	<-led
	awaitCandidates(t, s, 2)
	end()
	cancel()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("stands for election a minute after it was told to end")
	}
}

func awaitCandidates(t *testing.T, s *Store, want int64) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		res, err := s.client.Get(t.Context(), office("test")+"/", clientv3.WithPrefix(), clientv3.WithCountOnly())
		if err != nil {
			t.Fatal(err)
		}
		if res.Count == want {
			return
		}
		<-tick.C
	}
}

func TestAMarkShowsWhatWasRemoved(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := open(t, t.TempDir())
	notes := TableOf[note](s, "notes")
	if err := s.Commit(ctx, nil, notes.Put("a", note{}), notes.Mark()); err != nil {
		t.Fatal(err)
	}
	_, before, err := notes.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(ctx, []Guard{notes.UnmarkedSince(before)}, notes.Delete("a"), notes.Mark()); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(ctx, []Guard{notes.UnmarkedSince(before)}, notes.Put("b", note{})); !errors.Is(err, ErrConflict) {
		t.Errorf("on top of what was removed: got %v, want ErrConflict", err)
	}
}

func ExampleMember_Validate() {
	fmt.Println(Member{Name: "a", Peers: "a=http://10.0.0.1:2380"}.Validate())
	// Output: etcd-peers: a: the state, keys in it, would cross the network readable: want https
}
