package promql

import (
	"cmp"
	"log/slog"
	"time"

	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
)

// Config bounds what one query may cost. Zero fields have the defaults named beside
// them.
type Config struct {
	Timeout    time.Duration // 2 min
	Lookback   time.Duration // how old the newest value may be; 5 min
	MaxSamples int           // in memory at a time; 50 million
	MaxRows    int           // values read from the store for one selector; 20 million
	MaxRED     int           // rows of RED read for one selector, those with histograms five times; 5 million
	MaxSeries  int           // that one selector finds; 1 million
	Logger     *slog.Logger
}

// Engine evaluates PromQL over a store. It is safe for concurrent use.
type Engine struct {
	engine *prom.Engine
	source *source
	parser parser.Parser
	config Config
}

// New makes an engine. It starts nothing.
func New(c Config, s Store) *Engine {
	c.Timeout = cmp.Or(c.Timeout, 2*time.Minute)
	c.Lookback = cmp.Or(c.Lookback, 5*time.Minute)
	c.MaxSamples = cmp.Or(c.MaxSamples, 50_000_000)
	c.MaxRows = cmp.Or(c.MaxRows, 20_000_000)
	c.MaxRED = cmp.Or(c.MaxRED, 5_000_000)
	c.MaxSeries = cmp.Or(c.MaxSeries, 1_000_000)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	p := parser.NewParser(parser.Options{})
	return &Engine{
		engine: prom.NewEngine(prom.EngineOpts{
			Logger: c.Logger, MaxSamples: c.MaxSamples, Timeout: c.Timeout, LookbackDelta: c.Lookback,
			EnableAtModifier: true, EnableNegativeOffset: true, Parser: noting{p},
			NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
			ActiveQueryTracker:       newTracker(), UseStartTimestamps: true,
			EnablePerStepStats: true, // where a client asks for them
		}),
		source: &source{store: s, lookback: c.Lookback, maxRows: c.MaxRows, maxRED: c.MaxRED, maxSeries: c.MaxSeries},
		parser: p,
		config: c,
	}
}

// Queryable is what the engine reads.
func (e *Engine) Queryable() storage.Queryable { return e.source }

// QueryEngine is Prometheus' engine, for the evaluation of rules.
func (e *Engine) QueryEngine() *prom.Engine { return e.engine }
