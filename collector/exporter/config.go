package exporter

import (
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
)

// Config is the exporter's section of a Collector's configuration. The defaults batch
// 10,000 items or half a second, and try for ever: what waits is bounded by the
// queue, and senders keep what does not fit.
type Config struct {
	exporterhelper.TimeoutConfig `mapstructure:",squash"`

	Queue configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
	Retry configretry.BackOffConfig                                `mapstructure:"retry_on_failure"`

	// InFlight is a directory that remembers which batches are being sent, so that a
	// collector which was killed meanwhile is followed by one that stores them once. Each
	// signal needs one of its own, and batches that are not split. Without it they may be
	// stored twice then.
	InFlight string `mapstructure:"in_flight"`
}

const (
	insertTimeout = 30 * time.Second
	batchItems    = 10_000
	batchWait     = 500 * time.Millisecond
	queueItems    = 1_000_000
	retryFirst    = 200 * time.Millisecond
	retryMost     = 5 * time.Second
)

func defaultConfig() component.Config {
	queue := exporterhelper.NewDefaultQueueConfig()
	queue.Sizer = exporterhelper.RequestSizerTypeItems
	queue.QueueSize = queueItems
	queue.NumConsumers = 2 // inserts of one table do not speed up with more, and each makes a part
	batch := exporterhelper.NewDefaultBatchConfig()
	batch.FlushTimeout, batch.MinSize, batch.MaxSize = batchWait, batchItems, 0 // they are never split: see Config.InFlight
	queue.Batch = configoptional.Some(batch)
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval, retry.MaxInterval, retry.MaxElapsedTime = retryFirst, retryMost, 0
	return &Config{
		TimeoutConfig: exporterhelper.TimeoutConfig{Timeout: insertTimeout},
		Queue:         configoptional.Some(queue),
		Retry:         retry,
	}
}

// options are those of an exporter whose queue is of a kind.
func options(c component.Config, queue xexporterhelper.QueueBatchSettings, start component.StartFunc) []exporterhelper.Option {
	cfg, ok := c.(*Config)
	if !ok { // the Collector hands back what defaultConfig made
		return nil
	}
	queue.Encoding = newEncoding(queue, keptBytes)
	return []exporterhelper.Option{
		exporterhelper.WithTimeout(cfg.TimeoutConfig),
		xexporterhelper.WithQueueBatch(cfg.Queue, queue),
		exporterhelper.WithRetry(cfg.Retry),
		exporterhelper.WithStart(start),
	}
}
