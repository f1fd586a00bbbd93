package worker

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// How a job may end, as metrics tell it.
const (
	endedProven  = "proven"
	endedRefused = "refused"
	endedGone    = "gone"  // another worker was faster, or an earlier process of this one
	endedLater   = "later" // the worker's own trouble: the job is tried again
	endedInvalid = "invalid"
)

// metrics are what a worker counts. They say nothing about witnesses but how many there were.
type metrics struct {
	jobs    *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	busy    prometheus.Gauge
	takenOn prometheus.Gauge
	now     func() time.Time
}

func newMetrics(r prometheus.Registerer, loaded func() int) (*metrics, error) {
	m := &metrics{
		now: time.Now,
		jobs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "attestlog_prover_jobs_total",
			Help: "Jobs by statement and how they ended: proven, refused, gone (somebody else was faster), later (trouble; tried again), invalid.",
		}, []string{"statement", "ended"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "attestlog_prover_prove_seconds", Help: "How long proofs took, by statement, keys in memory.",
			Buckets: []float64{.05, .1, .2, .5, 1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 60, 120, 300},
		}, []string{"statement"}),
		busy:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "attestlog_prover_proving", Help: "Proofs that are being made now."}),
		takenOn: prometheus.NewGauge(prometheus.GaugeOpts{Name: "attestlog_prover_statements", Help: "Statements that this worker takes jobs of."}),
	}
	held := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "attestlog_prover_loaded_keys", Help: "Statements whose keys are in memory."},
		func() float64 { return float64(loaded()) })
	for _, c := range []prometheus.Collector{m.jobs, m.seconds, m.busy, m.takenOn, held} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// proving counts a proof that is being made until done is called, which also takes its time. Of a proof that fails, the time says nothing.
func (m *metrics) proving(statement string) (done func(failed bool)) {
	start := m.now()
	m.busy.Inc()
	return func(failed bool) {
		m.busy.Dec()
		if !failed {
			m.seconds.WithLabelValues(statement).Observe(m.now().Sub(start).Seconds())
		}
	}
}
