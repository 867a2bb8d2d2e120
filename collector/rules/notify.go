package rules

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/notifier"
)

// maxQueued is how many alerts wait for an Alertmanager that is away.
const maxQueued = 10_000

// newNotifier makes Prometheus' notifier for one Alertmanager, whose version 2 API is
// below base.
func newNotifier(base string, logger *slog.Logger) (*notifier.Manager, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("address of Alertmanager: %w", err)
	}
	if u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("address of Alertmanager %q: want http://host:port", base)
	}
	am := config.DefaultAlertmanagerConfig
	am.Scheme, am.PathPrefix = u.Scheme, u.Path
	n := notifier.NewManager(&notifier.Options{
		QueueCapacity: maxQueued, DrainOnShutdown: true, Registerer: prometheus.NewRegistry(),
	}, model.UTF8Validation, logger)
	all := config.AlertmanagerConfigs{&am}
	if err := n.ApplyConfig(&config.Config{GlobalConfig: config.DefaultGlobalConfig, AlertingConfig: config.AlertingConfig{AlertmanagerConfigs: all}}); err != nil {
		return nil, fmt.Errorf("set up notifier: %w", err)
	}
	return n, nil
}

// notify runs the notifier until ctx ends, then until what waits has been sent.
func notify(ctx context.Context, n *notifier.Manager, base string) error {
	u, err := url.Parse(base)
	if err != nil {
		return fmt.Errorf("address of Alertmanager: %w", err)
	}
	target := &targetgroup.Group{Targets: []model.LabelSet{{model.AddressLabel: model.LabelValue(u.Host)}}}
	targets := make(chan map[string][]*targetgroup.Group, 1)
	targets <- map[string][]*targetgroup.Group{"config-0": {target}}
	stop := context.AfterFunc(ctx, n.Stop)
	defer stop()
	n.Run(targets)
	return nil
}
