package pipeline

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"golang.org/x/sync/semaphore"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sightline-mesh/sightline/collector/account"
	"github.com/sightline-mesh/sightline/collector/admit"
	"github.com/sightline-mesh/sightline/collector/limits"
)

// A request that is refused for its tenant's rate is not decoded: nobody notices that it
// cannot be. Its items are counted all the same, once, and those that are taken, too.
func TestTooFastIsNotDecoded(t *testing.T) {
	c := testConfig(t, t.TempDir())
	slow := limits.Rate{Items: 1, Burst: limits.Duration(10 * time.Second)}
	r := startLimited(t, c, limits.Config{Tenants: map[string]limits.Rates{"claimed/slow": {Traces: slow}}})
	client := httpTo(t, c.HTTPSocket)
	good, err := ptraceotlp.NewExportRequestFromTraces(spans("a", "b", "c", "d", "e", "f", "g", "h")).MarshalProto()
	must(t, err)
	broken := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), []byte{0xff}) // a span
	for _, field := range []protowire.Number{2, 1} {
		broken = protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), broken)
	}
	if got := tell(t, client, "/v1/traces", "slow", broken); got.code != http.StatusBadRequest {
		t.Errorf("with room, what cannot be decoded is answered %d %q", got.code, got.body)
	}
	if got := tell(t, client, "/v1/traces", "slow", good); got.code != http.StatusOK {
		t.Errorf("with room: %d %q", got.code, got.body)
	}
	for _, body := range [][]byte{append(good, broken...), good} {
		if got := tell(t, client, "/v1/traces", "slow", body); got.code != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
			t.Errorf("%d, Retry-After %q, %q", got.code, got.header.Get("Retry-After"), got.body)
		}
	}
	until(t, "what was taken is stored", func() bool { return r.traces().Stored == 8 })
	if p := r.traces(); p.Received != 8 || p.RefusedFor["tenant-items"] != 17 {
		t.Errorf("%+v", p)
	}
}

// Requests are decoded as far as there is room for them; one that is larger than that is
// decoded alone.
func TestRequestsWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &front{admission: admit.New(limits.Default()), ledger: account.New(), room: semaphore.NewWeighted(inFlight)}
		ctx, cancel := context.WithCancel(t.Context())
		of := func(size int) *body {
			return &body{
				ReadCloser: io.NopCloser(bytes.NewReader(make([]byte, size))), front: f, exchange: &exchange{},
				request: (&http.Request{}).WithContext(ctx),
			}
		}
		first, second, third := of(inFlight), of(inFlight/decoded), of(1)
		_, err := io.ReadAll(first)
		must(t, err)
		done := make(chan error, 2)
		for _, b := range []*body{second, third} {
			go func() { _, err := io.ReadAll(b); done <- err }()
		}
		synctest.Wait()
		if len(done) > 0 {
			t.Error("more is decoded than there is room for")
		}
		first.release()
		synctest.Wait()
		must(t, <-done)
		cancel()
		synctest.Wait()
		if len(done) != 1 {
			t.Fatal("who went away waits on")
		}
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("who went away is told %v", err)
		}
		second.release()
		third.release()
		if !f.room.TryAcquire(inFlight) {
			t.Error("room is lost")
		}
	})
}
