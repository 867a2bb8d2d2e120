package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	onwire "github.com/sightline-mesh/sightline/controlplane/wire"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/tap"
)

// What a sidecar tells at once is a message that the control plane takes, whatever the
// requests have in them.
func TestTapBatchFitsAMessage(t *testing.T) {
	const seen, most = 3000, 1 << 20
	long := strings.Repeat("x", 4096)
	for name, c := range map[string]struct {
		record       emit.Record
		field, value string
	}{
		"small": {},
		"long texts": {record: emit.Record{
			Method: long, Path: "/" + long, Authority: long, Protocol: long, Route: long, Flags: long, Reason: long, RequestID: long,
			Peer: emit.Peer{Service: long, Version: long, Instance: long, Identity: long},
		}},
		"long method and names": {record: emit.Record{
			Method: long, Route: long, RequestID: long, Peer: emit.Peer{Service: long, Version: long, Instance: long},
		}},
		"long fields":     {field: "x-field-%d", value: long},
		"short fields":    {field: "%d"},
		"not UTF-8":       {field: "x-\xff-%d", value: "\xfc", record: emit.Record{Method: "\xff", Path: "/\xff", Reason: strings.Repeat("ä", 200) + "\xff"}},
		"cut in a letter": {field: "x-%d", value: "x" + strings.Repeat("ä", 4096), record: emit.Record{Reason: "x" + strings.Repeat("ä", 4096)}},
	} {
		t.Run(name, func(t *testing.T) {
			live := tap.New(nil)
			live.Ask([]mesh.Tap{{ID: "1", PerSecond: 1 << 20, Headers: true}})
			fields := func(yield func(name, value string) bool) {
				for i := 0; yield(fmt.Sprintf(c.field, i), c.value); i++ {
				}
			}
			if c.field == "" {
				fields = func(func(name, value string) bool) {}
			}
			for range seen {
				live.See(&c.record, fields, live.Keep(fields))
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var batch mesh.TapBatch
			if err := live.Run(ctx, func(_ context.Context, b mesh.TapBatch) error {
				batch = b
				stop()
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			message := onwire.FromTapBatch(batch)
			_, err := proto.Marshal(message)
			if size := proto.Size(message); err != nil || size > most || len(batch.Requests) == 0 {
				t.Errorf("%d requests in a message of %d bytes, want at most %d; %v", len(batch.Requests), size, most, err)
			}
			if told := uint64(len(batch.Requests)); told+batch.Dropped != seen {
				t.Errorf("%d told and %d dropped of %d", told, batch.Dropped, seen)
			}
		})
	}
}
