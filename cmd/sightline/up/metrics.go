package up

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sightline-mesh/sightline/collector"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// newMetrics is this process's own figures: is the pipeline keeping up, who was
// turned away, how large is the process; and those of its control plane.
func newMetrics(r *roles) http.Handler {
	own := prometheus.NewRegistry()
	own.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		pipelineMetrics{r.collector}, writtenMetrics{r.written})
	return promhttp.HandlerFor(prometheus.Gatherers{own, planeFigures{r.plane}}, promhttp.HandlerOpts{})
}

// pipelineMetrics are the collector's books. They are read when they are asked for.
type pipelineMetrics struct{ c *collector.Collector }

var (
	items = prometheus.NewDesc("sightline_pipeline_items_total",
		"Spans, log records and metric points, by what became of them.", []string{"signal", "outcome", "reason"}, nil)
	queued = prometheus.NewDesc("sightline_pipeline_queued",
		"Items on disk that wait for the store.", []string{"signal"}, nil)
	made = prometheus.NewDesc("sightline_sidecar_items_total",
		"Spans, log records and metric points that sidecars say they made since the collector first heard of them, by what became of them on the way.",
		[]string{"signal", "outcome", "reason"}, nil)
	unaccounted = prometheus.NewDesc("sightline_sidecar_unaccounted",
		"Items that sidecars made and neither dropped nor brought within a minute.", []string{"signal"}, nil)
	limited = prometheus.NewDesc("sightline_pipeline_limited_total",
		"Items received that are told as of the overflow row, by too many of which key, and values of such that were cut or left out, by why.",
		[]string{"signal", "how", "why"}, nil)
	tenantItems = prometheus.NewDesc("sightline_tenant_items_total",
		"Items within the rate of a tenant, and beyond it.", []string{"tenant", "signal", "outcome", "reason"}, nil)
	tenantBytes = prometheus.NewDesc("sightline_tenant_bytes_total",
		"What a tenant's requests within its rate were large, decompressed.", []string{"tenant", "signal"}, nil)
	storeSize = prometheus.NewDesc("sightline_store_bytes",
		"What the store's tables have on disk, measured every minute.", nil, nil)
	storeCold = prometheus.NewDesc("sightline_store_cold_bytes",
		"What of sightline_store_bytes lies where old days go; without such a disk there is none.", nil, nil)
	storeColdTrouble = prometheus.NewDesc("sightline_store_cold_trouble",
		"Whether something keeps old days from the disk that they go to, or from answering there.", nil, nil)
	storeDamaged = prometheus.NewDesc("sightline_store_damaged_parts",
		"Parts of the store's tables that were set aside because their files are damaged.", nil, nil)
	tracesKept = prometheus.NewDesc("sightline_traces_kept_total",
		"Traces kept whatever the budget, by what was known of them; one may count under several.", []string{"why"}, nil)
	tracesEarly = prometheus.NewDesc("sightline_traces_forgotten_early_total",
		"Traces of which there was no room to remember anything until they were decided; decided as ordinary ones.", nil, nil)
	tracesShare = prometheus.NewDesc("sightline_traces_ordinary_share",
		"Share of ordinary traces that is kept at the moment.", nil, nil)
	tracesRemembered = prometheus.NewDesc("sightline_traces_remembered",
		"Traces of which something is remembered.", nil, nil)
	tracesUnwritten = prometheus.NewDesc("sightline_traces_evidence_unwritten_total",
		"Writes of what is known of traces that failed: after a kill they are decided without it.", nil, nil)
	connections = prometheus.NewDesc("sightline_collector_connections_total",
		"Connections to the OTLP ports, by what became of them.", []string{"port", "outcome"}, nil)
)

// Describe implements prometheus.Collector.
func (pipelineMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- items
	ch <- queued
	ch <- limited
	ch <- tenantItems
	ch <- tenantBytes
	ch <- connections
	ch <- storeSize
	ch <- storeCold
	ch <- storeColdTrouble
	ch <- made
	ch <- unaccounted
	ch <- storeDamaged
	ch <- tracesKept
	ch <- tracesEarly
	ch <- tracesShare
	ch <- tracesRemembered
	ch <- tracesUnwritten
}

// Collect implements prometheus.Collector.
func (p pipelineMetrics) Collect(ch chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	for _, s := range p.c.Accounting() {
		p.books(s, count)
		ch <- prometheus.MustNewConstMetric(queued, prometheus.GaugeValue, float64(s.Queued), s.Signal)
		if s.Sidecars != nil {
			sent(s.Signal, s.Sidecars, count)
			ch <- prometheus.MustNewConstMetric(unaccounted, prometheus.GaugeValue, float64(s.Sidecars.Unaccounted), s.Signal)
		}
	}
	state := p.c.StoreState()
	ch <- prometheus.MustNewConstMetric(storeSize, prometheus.GaugeValue, float64(state.Bytes))
	if state.Cold != nil {
		trouble := 0.
		if state.Cold.Trouble != "" {
			trouble = 1
		}
		ch <- prometheus.MustNewConstMetric(storeCold, prometheus.GaugeValue, float64(state.Cold.Bytes))
		ch <- prometheus.MustNewConstMetric(storeColdTrouble, prometheus.GaugeValue, trouble)
	}
	ch <- prometheus.MustNewConstMetric(storeDamaged, prometheus.GaugeValue, float64(len(state.Damaged)))
	for _, t := range p.c.Tenants() {
		count(tenantItems, t.Taken, t.Tenant, t.Signal, "taken", "")
		count(tenantBytes, t.TakenBytes, t.Tenant, t.Signal)
		for reason, n := range t.Refused {
			count(tenantItems, n, t.Tenant, t.Signal, "refused", reason)
		}
	}
	p.decisions(ch, count)
	for port, s := range p.c.Connections() {
		count(connections, s.TLS+s.Plaintext, port, "passed")
		count(connections, s.RefusedTLS+s.RefusedPlaintext+s.RefusedFull, port, "refused")
	}
}

// decisions are those about traces; there are none where all are kept.
func (p pipelineMetrics) decisions(ch chan<- prometheus.Metric, count func(*prometheus.Desc, uint64, ...string)) {
	s, on := p.c.Decisions()
	if !on {
		return
	}
	count(tracesKept, s.Failed, "error")
	count(tracesKept, s.Slow, "slow")
	count(tracesKept, s.Marked, "marked")
	count(tracesEarly, s.Early)
	count(tracesUnwritten, s.Unwritten)
	ch <- prometheus.MustNewConstMetric(tracesShare, prometheus.GaugeValue, s.Share)
	ch <- prometheus.MustNewConstMetric(tracesRemembered, prometheus.GaugeValue, float64(s.Traces))
}

func (pipelineMetrics) books(s signal.Pipeline, count func(*prometheus.Desc, uint64, ...string)) {
	count(items, s.Received, s.Signal, "received", "")
	count(items, s.Stored, s.Signal, "stored", "")
	for reason, n := range s.Dropped {
		count(items, n, s.Signal, "dropped", reason)
	}
	rest := s.Refused
	for reason, n := range s.RefusedFor {
		count(items, n, s.Signal, "refused", reason)
		rest -= n
	}
	count(items, rest, s.Signal, "refused", "")
	for reason, n := range s.Rejected {
		count(items, n, s.Signal, "rejected", reason)
	}
	for key, n := range s.Overflow {
		count(limited, n, s.Signal, "overflow", key)
	}
	for why, n := range s.Truncated {
		count(limited, n, s.Signal, "truncated", why)
	}
}

func sent(of string, s *signal.Sent, count func(*prometheus.Desc, uint64, ...string)) {
	count(made, s.Made, of, "made", "")
	count(made, s.Received, of, "received", "")
	for reason, n := range s.Dropped {
		count(made, n, of, "dropped", reason)
	}
}
