package ledger

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/attestlog/attestlog/ledger/event"
)

// provingMetrics shows Proving to Prometheus. It looks when it is asked, because all of it is in the database and none in this process.
// Where the database doesn't answer the other metrics are shown all the same.
type provingMetrics struct{ ledger *Ledger }

// provingLook bounds how long a scrape waits for the database.
const provingLook = 5 * time.Second

func describeProving(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("attestlog_proving_"+name, help, labels, nil)
}

var (
	descKnown        = describeProving("known", "1 if the queue of proving jobs could be looked at, else 0: then the other attestlog_proving metrics are missing.")
	descWitnesses    = describeProving("witnesses", "Deferred events that nobody has attested.")
	descAttestations = describeProving("attestations_total", "Attestations in the log, by outcome.", "outcome")
	descWorkers      = describeProving("workers_running", "Workers that have a job now.")
	descWaiting      = describeProving("waiting", "Events whose proof no worker is at, by statement.", "statement", "name")
	descRunning      = describeProving("running", "Jobs that a worker has, by statement.", "statement", "name")
	descFailing      = describeProving("failing", "Jobs that were tried in vain and will be again, by statement.", "statement", "name")
	descOldest       = describeProving("oldest_age_seconds", "Age of the oldest event that nobody has attested, by statement; 0 without one.", "statement", "name")
	descTime         = describeProving("job_seconds", "From when a worker took a job until it was done, over the newest done, by statement.", "statement", "name", "quantile")
)

// Describe implements prometheus.Collector.
func (m provingMetrics) Describe(into chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descKnown, descWitnesses, descAttestations, descWorkers, descWaiting, descRunning, descFailing, descOldest, descTime} {
		into <- d
	}
}

// Collect implements prometheus.Collector.
func (m provingMetrics) Collect(into chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		into <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), provingLook)
	defer cancel()
	p, err := m.ledger.Proving(ctx)
	if err != nil {
		gauge(descKnown, 0)
		return
	}
	gauge(descKnown, 1)
	gauge(descWitnesses, float64(p.Witnesses))
	into <- prometheus.MustNewConstMetric(descAttestations, prometheus.CounterValue, float64(p.Proven), string(event.OutcomeProven))
	into <- prometheus.MustNewConstMetric(descAttestations, prometheus.CounterValue, float64(p.Refused), string(event.OutcomeRefused))
	running := 0
	for _, w := range p.Workers {
		if w.Running > 0 {
			running++
		}
	}
	gauge(descWorkers, float64(running))
	for _, q := range p.Queues {
		of := []string{q.Statement.String(), q.Name}
		gauge(descWaiting, float64(q.Waiting), of...)
		gauge(descRunning, float64(q.Running), of...)
		gauge(descFailing, float64(q.Failing), of...)
		age := 0.0
		if q.Oldest > 0 {
			age = max(0, float64(p.At-q.Oldest)/1000)
		}
		gauge(descOldest, age, of...)
		if q.Done > 0 {
			gauge(descTime, q.Median.Seconds(), append(of, "0.5")...)
			gauge(descTime, q.Slowest.Seconds(), append(of, "0.95")...)
		}
	}
}
