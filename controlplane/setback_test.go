package controlplane

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/etcd/server/v3/embed"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// external is an etcd of which no control plane is the owner; it can be stopped, and started
// at the same address with other files.
func external(t *testing.T, dir, address string) (stop func()) {
	t.Helper()
	at := url.URL{Scheme: "http", Host: address}
	e := embed.NewConfig()
	e.Dir, e.LogLevel = dir, "error"
	e.ListenClientUrls, e.AdvertiseClientUrls = []url.URL{at}, []url.URL{at}
	e.ListenPeerUrls = nil
	e.InitialCluster = e.Name + "=" + e.AdvertisePeerUrls[0].String()
	s, err := embed.StartEtcd(e)
	if err != nil {
		t.Fatal(err)
	}
	<-s.Server.ReadyNotify()
	return s.Close
}

// TestEtcdThatIsSetBackEndsControlPlanes: one that goes on would wait for revisions that are
// yet to come again, take changes, and tell no sidecar. It ends and says so; the next start
// tells sidecars what the store holds, though they were told of more.
func TestEtcdThatIsSetBackEndsControlPlanes(t *testing.T) {
	t.Parallel()
	dir, address := filepath.Join(t.TempDir(), "etcd"), freeAddress(t)
	copied := dir + ".copy"
	stop := external(t, dir, address)
	defer func() { stop() }()

	p := newPlant(t, func(c *Config) { c.EtcdEndpoints, c.CAPassphrase = []string{"http://" + address}, "of all of them" })
	c := p.admin()
	token := p.token(c)
	web := p.sidecar(token, workload("web", "v1", "web-1"), "reviews")
	p.sidecar(token, workload("reviews", "v1", "reviews-1"))
	web.until(t, "arrival of reviews", "reviews", instances(1))
	stop()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	stop = external(t, dir, address)
	p.stop() // it went on; one whose end is looked at takes its place

	cp, err := New(p.cfg, Deps{Logger: logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cp.Run(t.Context()) }()
	<-cp.Ready()
	apply(t, c, destinationRule+"---\n"+virtualService)
	web.until(t, "what will be gone", "reviews", splits(map[string]uint32{"v1": 80, "v2": 20}))
	for range 50 { // what the etcd forgets is more than what comes to pass at once
		if _, err := c.CreateToken(t.Context(), admin.TokenRequest{By: "test"}); err != nil {
			t.Fatal(err)
		}
	}

	stop()
	if err := errors.Join(os.RemoveAll(dir), os.Rename(copied, dir)); err != nil {
		t.Fatal(err)
	}
	stop = external(t, dir, address)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, store.ErrSetBack) {
			t.Fatalf("it ended with %v, want that the store was set back", err)
		}
	case <-ctx.Done():
		t.Fatal("it goes on over a store that was set back")
	}

	p.start(nil)
	web.until(t, "what the store holds", "reviews", func(s mesh.Snapshot) bool { return instances(1)(s) && len(s.Routes) == 0 })
	apply(t, c, destinationRule+"---\n"+virtualService)
	web.until(t, "a change after that", "reviews", splits(map[string]uint32{"v1": 80, "v2": 20}))
}
