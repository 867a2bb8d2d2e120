package metrics

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sightline-mesh/sightline/controlplane/hub"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/mirror"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

func sources() Sources {
	return Sources{
		Replica: "a", TrustDomain: "mesh.local",
		Leads:    func() bool { return true },
		Replicas: func(context.Context) (int, error) { return 3, nil },
		Proxies: func() []mesh.ProxyStatus {
			return []mesh.ProxyStatus{{InSync: true}, {InSync: true}, {}, {Refusal: "no"}}
		},
		Pushes: func() hub.Tally {
			return hub.Tally{Streams: 5, Pushes: 40, Snapshots: 90, Accepted: 38, Refused: 1, Failed: 2}
		},
		Propagation: func() hub.Histogram {
			h := hub.Histogram{Count: 4, Sum: 31.5}
			h.Counts[0], h.Counts[3] = 2, 1 // and one above the last
			return h
		},
		Version: func() uint64 { return 77 },
		Holdings: func() mirror.Holdings {
			return mirror.Holdings{
				Resources: map[string]int{"SLO": 2}, Services: 3, Compiled: 7, Unreadable: 1,
				Instances: map[mesh.InstanceState]int{mesh.Ready: 6}, Verdicts: map[mesh.Phase]int{mesh.Probing: 1},
			}
		},
		Authority: func() Authority {
			return Authority{
				Signing: mesh.AuthorityCertificate{Fingerprint: "aa", Serial: "1", Subject: "CN=signs", Expires: time.Now().Add(time.Hour)},
				Roots:   []mesh.AuthorityCertificate{{Fingerprint: "bb", Serial: "2", Subject: "CN=root", Expires: time.Now().Add(-time.Minute), Alarm: "expired"}},
				Phase:   "renew", Version: 9, Revoked: 1, Holders: 8, Lagging: 2, Outdated: 3, Troubled: 4,
			}
		},
		StoreSize: func() (int64, int64, bool) { return 1000, 2000, true },
	}
}

func show(t *testing.T, s Sources, tally *Tally) string {
	t.Helper()
	r := New(s, tally)
	if faults, err := testutil.GatherAndLint(r); err != nil || len(faults) > 0 {
		t.Errorf("against Prometheus's conventions: %v, %v", faults, err)
	}
	w := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

func TestEveryFigureIsOnThePage(t *testing.T) {
	t.Parallel()
	tally := NewTally()
	tally.Enrolled.Add(2)
	tally.Renewed.Add(7)
	tally.Denied.Add(1)
	tally.Stored(store.Request{Operation: "get", Took: 3 * time.Millisecond})
	tally.Stored(store.Request{Operation: "commit", Took: time.Second, Err: errors.New("no leader")})
	tally.Stored(store.Request{Operation: "get", Took: time.Second, Err: fmt.Errorf("list: %w", context.Canceled)})
	got := show(t, sources(), tally)
	for want := range strings.SplitSeq(strings.TrimSpace(`
sightline_controlplane_info{replica="a",trust_domain="mesh.local"} 1
sightline_controlplane_leader 1
sightline_controlplane_replicas 3
sightline_store_size_bytes 1000
sightline_store_quota_bytes 2000
sightline_store_request_duration_seconds_bucket{operation="get",outcome="ok",le="0.005"} 1
sightline_store_request_duration_seconds_bucket{operation="get",outcome="ok",le="0.0025"} 0
sightline_store_request_duration_seconds_count{operation="get",outcome="canceled"} 1
sightline_store_request_duration_seconds_sum{operation="commit",outcome="error"} 1
sightline_push_sidecars{state="in_sync"} 2
sightline_push_sidecars{state="behind"} 1
sightline_push_sidecars{state="refused"} 1
sightline_push_streams_total 5
sightline_push_sent_total 40
sightline_push_snapshots_sent_total 90
sightline_push_answers_total{answer="accepted"} 38
sightline_push_answers_total{answer="refused"} 1
sightline_config_load_failures_total 2
sightline_config_version 77
sightline_config_propagation_seconds_bucket{le="0.001"} 2
sightline_config_propagation_seconds_bucket{le="0.01"} 3
sightline_config_propagation_seconds_bucket{le="30"} 3
sightline_config_propagation_seconds_bucket{le="+Inf"} 4
sightline_config_propagation_seconds_sum 31.5
sightline_config_resources{kind="SLO"} 2
sightline_registry_instances{state="ready"} 6
sightline_registry_instances{state="draining"} 0
sightline_registry_services 3
sightline_config_unreadable 1
sightline_verdicts{phase="probing"} 1
sightline_verdicts{phase="tripped"} 0
sightline_ca_certificate_seconds_left{fingerprint="aa",role="signing"} 3599
sightline_ca_certificate_seconds_left{fingerprint="bb",role="root"} -60
sightline_ca_certificate_info{fingerprint="bb",role="root",serial="2",subject="CN=root"} 1
sightline_ca_certificate_alarm{fingerprint="aa",role="signing"} 0
sightline_ca_certificate_alarm{fingerprint="bb",role="root"} 3
sightline_ca_rotation_phase{phase="renew"} 1
sightline_ca_rotation_phase{phase="steady"} 0
sightline_ca_certificates_issued_total{reason="enrolment"} 2
sightline_ca_certificates_issued_total{reason="renewal"} 7
sightline_ca_enrolments_denied_total 1
sightline_ca_holders{state="all"} 8
sightline_ca_holders{state="lagging"} 2
sightline_ca_holders{state="outdated"} 3
sightline_ca_holders{state="troubled"} 4
sightline_trust_version 9
sightline_trusted_roots 1
sightline_revocations 1`), "\n") {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// TestPageIsThereWithoutTheStore but for what the store alone knows.
func TestPageIsThereWithoutTheStore(t *testing.T) {
	t.Parallel()
	s := sources()
	s.Replicas = func(context.Context) (int, error) { return 0, errors.New("away") }
	s.StoreSize = func() (int64, int64, bool) { return 0, 0, false }
	got := show(t, s, NewTally())
	if strings.Contains(got, "sightline_controlplane_replicas") || strings.Contains(got, "sightline_store_size_bytes") {
		t.Errorf("what nobody knows is told:\n%s", got)
	}
	if !strings.Contains(got, "sightline_push_sent_total 40") {
		t.Errorf("the rest is missing:\n%s", got)
	}
}
