package rules

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/notifier"
	"github.com/prometheus/prometheus/promql/parser"
	prom "github.com/prometheus/prometheus/rules"
	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/collector/promql"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Config says what is evaluated and who is told. Zero fields have the defaults named
// beside them.
type Config struct {
	Alertmanager string        // base URL of an Alertmanager (API v2); "" tells nobody
	ExternalURL  string        // of this mesh's UI, for links in alerts
	Files        []string      // Prometheus rule files
	Interval     time.Duration // between evaluations; 30 s
	Windows      []Window      // DefaultWindows
	MinErrors    float64       // failed requests in the long window before an SLO alerts; 5
	Logger       *slog.Logger
}

// Deps are what rules read and write.
type Deps struct {
	Engine  *promql.Engine
	Samples Samples
	// Speaks reports whether what is evaluated is stored and told: of several that evaluate
	// over one store, one speaks. Nil is always.
	Speaks func() bool
}

// Rules evaluates rules. Its methods may be called from any goroutine.
type Rules struct {
	config   Config
	engine   *promql.Engine
	external *url.URL
	compiler compiler
	loader   *loader
	recorder *recorder
	notifier *notifier.Manager // nil without an Alertmanager
	speaks   func() bool

	updating sync.Mutex // held while the manager takes a new set of rules

	mu      sync.Mutex    // guards what follows
	manager *prom.Manager // nil while not running
	slos    []mesh.SLO
}

// New prepares the evaluation of rules. It starts nothing.
func New(c Config, d Deps) (*Rules, error) {
	c.Interval = cmp.Or(c.Interval, 30*time.Second)
	c.MinErrors = cmp.Or(c.MinErrors, 5)
	if c.Windows == nil {
		c.Windows = DefaultWindows()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Speaks == nil {
		d.Speaks = func() bool { return true }
	}
	external, err := url.Parse(c.ExternalURL)
	if err != nil {
		return nil, fmt.Errorf("external address: %w", err)
	}
	p := parser.NewParser(parser.Options{})
	r := &Rules{
		config: c, engine: d.Engine, external: external,
		compiler: compiler{parser: p, windows: c.Windows, interval: c.Interval, minErrors: c.MinErrors},
		loader:   &loader{parser: p, logger: c.Logger},
		recorder: newRecorder(d.Samples, c.Logger),
		speaks:   d.Speaks,
	}
	r.recorder.speaks = d.Speaks
	for _, f := range c.Files {
		if _, errs := r.loader.Load(f, false, labelNames); len(errs) > 0 {
			return nil, fmt.Errorf("rule file: %w", errs[0])
		}
	}
	if c.Alertmanager != "" {
		if r.notifier, err = newNotifier(c.Alertmanager, c.Logger); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Run evaluates rules until ctx ends. Then it waits for the evaluations under way, for
// what they recorded to be stored and for their alerts to be sent. It may be called
// once.
func (r *Rules) Run(ctx context.Context) error {
	after, stopped := context.WithCancel(context.WithoutCancel(ctx)) // ends when no rule is evaluated any more
	defer stopped()
	var tail errgroup.Group
	tail.Go(func() error { return r.recorder.run(after) })
	if r.notifier != nil {
		tail.Go(func() error { return notify(after, r.notifier, r.config.Alertmanager) })
	}
	m := r.start(ctx)
	err := r.update(m)
	if err == nil {
		evaluated := make(chan struct{})
		go func() { defer close(evaluated); m.Run() }()
		<-ctx.Done()
		m.Stop()
		<-evaluated
	}
	r.mu.Lock()
	r.manager = nil
	r.mu.Unlock()
	stopped()
	return cmp.Or(err, tail.Wait())
}

// SetSLOs replaces the objectives that are evaluated. One that is wrong refuses all of
// them: the error names it, and the old ones stay. It waits for the evaluation under way
// of those that changed.
func (r *Rules) SetSLOs(slos []mesh.SLO) error {
	r.updating.Lock()
	defer r.updating.Unlock()
	compiled := map[string]*rulefmt.RuleGroups{}
	for _, s := range slos {
		groups, err := r.compiler.compile(s)
		if err != nil {
			return fmt.Errorf("SLO %s/%s: %w", s.Namespace, s.Name, err)
		}
		compiled["slo:"+s.Namespace+"/"+s.Name] = groups
	}
	r.loader.replace(compiled)
	r.mu.Lock()
	r.slos = slices.Clone(slos)
	m := r.manager
	r.mu.Unlock()
	if m == nil {
		return nil
	}
	return r.apply(m)
}

func (r *Rules) start(ctx context.Context) *prom.Manager {
	q := current{r.engine.Queryable(), r.recorder}
	o := &prom.ManagerOptions{
		QueryFunc: prom.EngineQueryFunc(r.engine.QueryEngine(), q), NotifyFunc: func(context.Context, string, ...*prom.Alert) {},
		Context: context.WithoutCancel(ctx), Appendable: r.recorder, Queryable: q, ExternalURL: r.external,
		Logger: r.config.Logger, Registerer: prometheus.NewRegistry(), GroupLoader: r.loader, Parser: r.loader.parser,
		OutageTolerance: time.Hour, ForGracePeriod: 10 * time.Minute, ResendDelay: time.Minute,
		NameValidationScheme: labelNames, RestoreNewRuleGroups: true,
	}
	if r.notifier != nil {
		send := prom.SendAlerts(r.notifier, r.config.ExternalURL)
		o.NotifyFunc = func(ctx context.Context, expr string, alerts ...*prom.Alert) {
			if r.speaks() {
				send(ctx, expr, alerts...)
			}
		}
	}
	m := prom.NewManager(o)
	r.mu.Lock()
	r.manager = m
	r.mu.Unlock()
	return m
}

func (r *Rules) update(m *prom.Manager) error {
	r.updating.Lock()
	defer r.updating.Unlock()
	return r.apply(m)
}

// apply makes the manager evaluate what the loader has.
func (r *Rules) apply(m *prom.Manager) error {
	r.loader.mu.Lock()
	ids := slices.Sorted(maps.Keys(r.loader.compiled))
	r.loader.mu.Unlock()
	ids = append(ids, r.config.Files...)
	if err := m.Update(r.config.Interval, ids, labels.EmptyLabels(), r.config.ExternalURL, nil); err != nil {
		return fmt.Errorf("update rules: %w", err)
	}
	return nil
}
