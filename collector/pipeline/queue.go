package pipeline

import (
	"context"
	"fmt"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sightline-mesh/sightline/collector/account"
)

const queueType = "sightline_queue"

// queueFactory makes the storage of the exporters' queues: contrib's file storage,
// watched for what an earlier process left in it, so that the books begin right.
func queueFactory(l *account.Ledger) extension.Factory {
	files := filestorage.NewFactory()
	return extension.NewFactory(
		component.MustNewType(queueType),
		files.CreateDefaultConfig,
		func(ctx context.Context, set extension.Settings, conf component.Config) (extension.Extension, error) {
			set.ID = component.NewIDWithName(files.Type(), set.ID.Name())
			e, err := files.Create(ctx, set, conf)
			if err != nil {
				return nil, err
			}
			s, ok := e.(storage.Extension)
			if !ok {
				return nil, fmt.Errorf("%s is no storage: %T", files.Type(), e)
			}
			return queueStorage{Extension: s, ledger: l}, nil
		},
		component.StabilityLevelStable,
	)
}

type queueStorage struct {
	storage.Extension
	ledger *account.Ledger
}

// GetClient implements storage.Extension. An exporter's queue names its storage after
// the signal it holds.
func (s queueStorage) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	c, err := s.Extension.GetClient(ctx, kind, id, name)
	if err != nil {
		return nil, err
	}
	return &queueClient{Client: c, ledger: s.ledger, signal: name}, nil
}

// queueClient is the storage of one queue.
type queueClient struct {
	storage.Client
	ledger *account.Ledger
	signal string
}

// What exporterhelper's persistent queue keeps about itself: its key, and the field of
// the number of items.
const (
	queueMetadataKey = "qmv0"
	itemsSizeField   = 1 // sfixed64
)

// Get implements storage.Client. The queue reads its metadata once, before anything
// goes in or out: what it finds there was received by an earlier process.
func (c *queueClient) Get(ctx context.Context, key string) ([]byte, error) {
	value, err := c.Client.Get(ctx, key)
	if err == nil && key == queueMetadataKey {
		c.ledger.Received(c.signal, itemsIn(value))
	}
	return value, err
}

// itemsIn reads the number of items from a queue's metadata; 0 if there is none.
func itemsIn(metadata []byte) int {
	for len(metadata) > 0 {
		f, typ, n := protowire.ConsumeTag(metadata)
		if n < 0 {
			return 0
		}
		metadata = metadata[n:]
		if f == itemsSizeField && typ == protowire.Fixed64Type {
			v, n := protowire.ConsumeFixed64(metadata)
			if n < 0 || int64(v) < 0 {
				return 0
			}
			return int(v)
		}
		if n = protowire.ConsumeFieldValue(f, typ, metadata); n < 0 {
			return 0
		}
		metadata = metadata[n:]
	}
	return 0
}
