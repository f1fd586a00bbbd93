package monitor

import "github.com/prometheus/client_golang/prometheus"

// metrics are what /metrics says, each with the log's origin as label "log" unless it is about the monitor as a whole.
type metrics struct {
	size, head, alarms *prometheus.GaugeVec
	entries, proofs    *prometheus.CounterVec
	matches            *prometheus.CounterVec
	gossip             *prometheus.CounterVec
	webhookFailures    prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "attestlog", Subsystem: "monitor", Name: name, Help: help}, []string{"log"})
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "attestlog", Subsystem: "monitor", Name: name, Help: help}, labels)
	}
	m := &metrics{
		size:    gauge("entries", "Entries of the log that were read and judged."),
		head:    gauge("head_size", "Size of the largest head of the log that was reached."),
		alarms:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "attestlog", Subsystem: "monitor", Name: "alarms", Help: "Alarms that are latched, by kind."}, []string{"log", "kind"}),
		entries: counter("entries_read_total", "Entries read since the start.", "log"),
		proofs:  counter("proofs_checked_total", "Proofs checked since the start.", "log"),
		matches: counter("matches_total", "Entries that a watch is about, since the start.", "log", "watch"),
		gossip:  counter("gossip_total", "Notes and evidence that came from others, by what became of them: taken, unknown, invalid.", "outcome"),
		webhookFailures: prometheus.NewCounter(prometheus.CounterOpts{Namespace: "attestlog", Subsystem: "monitor", Name: "webhook_failures_total",
			Help: "Times that the webhook couldn't be told."}),
	}
	if r != nil {
		r.MustRegister(m.size, m.head, m.alarms, m.entries, m.proofs, m.matches, m.gossip, m.webhookFailures)
	}
	return m
}
