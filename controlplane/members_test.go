package controlplane

import (
	"bytes"
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.etcd.io/etcd/server/v3/embed"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/backup"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// peersOf are names with a URL on loopback each.
func peersOf(t *testing.T, names ...string) string {
	t.Helper()
	var out []string
	for _, name := range names {
		out = append(out, name+"=http://"+freeAddress(t))
	}
	return strings.Join(out, ",")
}

// memberFleet is three control planes, each with one of three embedded etcds.
func memberFleet(t *testing.T) []*plant {
	t.Helper()
	names := []string{"a", "b", "c"}
	peers := peersOf(t, names...)
	var out []*plant
	for _, name := range names {
		cfg := DefaultConfig(t.TempDir())
		cfg.Listen, cfg.CAPassphrase = freeAddress(t), "of all of them"
		cfg.EtcdMember = store.Member{Name: name, Peers: peers}
		p := &plant{t: t, cfg: cfg, address: cfg.Listen, stop: func() {}}
		t.Cleanup(func() { p.stop() })
		out = append(out, p)
	}
	startTogether(t, out)
	return out
}

func startTogether(t *testing.T, fleet []*plant) {
	t.Helper()
	var ready []func()
	for _, p := range fleet {
		ready = append(ready, p.launch(nil))
	}
	for _, await := range ready {
		await()
	}
}

func stopTogether(fleet []*plant) {
	var all sync.WaitGroup
	for _, p := range fleet {
		all.Go(p.stop)
	}
	all.Wait()
}

// etcdsOfThree is a cluster of its own, by its endpoints, that control planes share.
func etcdsOfThree(t *testing.T) []string {
	t.Helper()
	names := []string{"a", "b", "c"}
	peers := peersOf(t, names...)
	var endpoints []string
	var started []*embed.Etcd
	for i, name := range names {
		_, own, _ := strings.Cut(strings.Split(peers, ",")[i], "=")
		peer, err := url.Parse(own)
		if err != nil {
			t.Fatal(err)
		}
		at := url.URL{Scheme: "http", Host: freeAddress(t)}
		e := embed.NewConfig()
		e.Name, e.Dir, e.LogLevel, e.InitialCluster = name, t.TempDir(), "error", peers
		e.ListenClientUrls, e.AdvertiseClientUrls = []url.URL{at}, []url.URL{at}
		e.ListenPeerUrls, e.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
		s, err := embed.StartEtcd(e)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		started, endpoints = append(started, s), append(endpoints, at.String())
	}
	for _, s := range started {
		<-s.Server.ReadyNotify()
	}
	return endpoints
}

// backUp takes a backup at one, with the CA.
func backUp(t *testing.T, p *plant, c *admin.Client) *backup.Backup {
	t.Helper()
	var file bytes.Buffer
	if err := c.Backup(t.Context(), admin.BackupRequest{Passphrase: "open sesame", Token: p.systemToken()}, &file); err != nil {
		t.Fatal(err)
	}
	b, err := backup.Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// adminOf is who can read p's directory, and knows of all control planes.
func adminOf(p *plant, all []*plant) *admin.Client {
	var addresses []string
	for _, one := range all {
		addresses = append(addresses, one.address)
	}
	return p.adminAt(strings.Join(addresses, ","))
}

// TestThreeGoOnFromTheirBackup: whether the etcd is their own or somebody else's, what was
// done after the backup is gone for all, and the mesh goes on from it.
func TestThreeGoOnFromTheirBackup(t *testing.T) {
	for name, test := range map[string]struct {
		fleet   func(t *testing.T) []*plant
		restore func(t *testing.T, fleet []*plant, b *backup.Backup)
	}{
		"embedded members": {memberFleet, func(t *testing.T, fleet []*plant, b *backup.Backup) {
			for _, p := range fleet {
				m := backup.Member{Dir: filepath.Join(p.cfg.Dir, "etcd"), Etcd: p.cfg.EtcdMember, Log: logger(t)}
				to := backup.Target{Mesh: p.cfg.TrustDomain, Passphrase: "open sesame"}
				if _, err := b.RestoreMember(t.Context(), m, to); !errors.Is(err, backup.ErrNotEmpty) {
					t.Errorf("over a mesh: %v, want ErrNotEmpty", err)
				}
				to.Force = true
				if _, err := b.RestoreMember(t.Context(), m, to); err != nil {
					t.Fatal(err)
				}
			}
		}},
		"an etcd of three": {
			func(t *testing.T) []*plant { return fleetOn(t, etcdsOfThree(t)) },
			func(t *testing.T, fleet []*plant, b *backup.Backup) {
				p := fleet[0]
				s, err := store.Open(t.Context(), store.Config{Endpoints: p.cfg.EtcdEndpoints})
				if err != nil {
					t.Fatal(err)
				}
				_, err = b.Restore(t.Context(), backup.Target{Store: s, Mesh: p.cfg.TrustDomain, Passphrase: "open sesame", Force: true})
				if err := errors.Join(err, s.Close()); err != nil {
					t.Fatal(err)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := test.fleet(t)
			c := all[0].admin()
			token := all[0].token(c)
			web := all[1].sidecar(token, workload("web", "v1", "web-1"), "reviews")
			all[2].sidecar(token, workload("reviews", "v1", "reviews-1"))
			web.until(t, "arrival of reviews", "reviews", instances(1))
			apply(t, c, destinationRule+"---\n"+virtualService)
			web.until(t, "routes", "reviews", splits(map[string]uint32{"v1": 80, "v2": 20}))
			b := backUp(t, all[0], c)
			for _, p := range all { // each has a token of its own, and who asks begins with any of them
				backUp(t, p, adminOf(p, all))
			}
			if err := c.Delete(t.Context(), "VirtualService", "default", "reviews", "ada"); err != nil {
				t.Fatal(err)
			}
			web.until(t, "what was done after the backup", "reviews", func(s mesh.Snapshot) bool { return len(s.Routes) == 0 })

			stopTogether(all)
			test.restore(t, all, b)
			startTogether(t, all)
			web.until(t, "what is in the backup", "reviews", func(s mesh.Snapshot) bool {
				return instances(1)(s) && splits(map[string]uint32{"v1": 80, "v2": 20})(s)
			})
			for i, p := range all {
				resources, err := p.admin().Resources(t.Context(), "")
				if err != nil || len(resources) != 2 {
					t.Errorf("control plane %d holds %d resources, %v", i, len(resources), err)
				}
			}
			all[2].sidecar(token, workload("reviews", "v2", "reviews-2"))
			web.until(t, "arrival of one with a token of before", "reviews", instances(2))
		})
	}
}
