package ledger

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/attestlog/attestlog/ledger/internal/cosign"
)

// metrics are what an operator watches.
type metrics struct {
	entries   prometheus.Counter
	batches   prometheus.Histogram
	commits   prometheus.Histogram
	fsyncs    prometheus.Histogram
	queue     prometheus.Gauge
	folds     prometheus.Histogram
	apart     prometheus.Gauge
	refusals  *prometheus.CounterVec
	published prometheus.Gauge
	leader    prometheus.Gauge
	quorum    prometheus.Gauge
	cosigned  *prometheus.GaugeVec
	alarms    *prometheus.GaugeVec
}

func newMetrics(into prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		entries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "attestlog_entries_total", Help: "Entries that this process has committed."}),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "attestlog_batch_entries", Help: "Entries per batch.", Buckets: prometheus.ExponentialBuckets(1, 4, 8)}),
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "attestlog_commit_seconds", Help: "From judging a batch to knowing that it is durable.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)}),
		fsyncs: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "attestlog_note_fsync_seconds", Help: "Making a signed note durable in the heads file.", Buckets: prometheus.ExponentialBuckets(0.0001, 2, 14)}),
		queue: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "attestlog_queue_events", Help: "Events that were submitted and are not answered yet."}),
		folds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "attestlog_proofs_checked_together", Help: "Proofs checked by one equation; the sum is how many proofs were checked.", Buckets: prometheus.ExponentialBuckets(1, 2, 9)}),
		apart: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "attestlog_proofs_apart", Help: "Proofs that wait to be checked one by one because their sources sent invalid ones lately."}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "attestlog_refusals_total", Help: "Events that were refused, by code."}, []string{"code"}),
		published: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "attestlog_published_size", Help: "Tree size of the newest published head."}),
		leader: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "attestlog_leader", Help: "1 while this process leads the log, else 0."}),
		quorum: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "attestlog_witness_quorum", Help: "1 if the head that was last shown to the witnesses satisfied the policy, else 0."}),
		cosigned: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "attestlog_witness_size", Help: "Tree size of the newest head that a witness cosigned."}, []string{"witness"}),
		alarms: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "attestlog_witness_alarm", Help: "1 since a witness hinted at another history under this log's key, else 0."}, []string{"witness"}),
	}
	for _, code := range Codes() {
		m.refusals.WithLabelValues(string(code))
	}
	if into == nil {
		return m, nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.entries, m.batches, m.commits, m.fsyncs, m.queue, m.folds, m.apart, m.refusals, m.published,
		m.leader, m.quorum, m.cosigned, m.alarms} {
		errs = append(errs, into.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("couldn't register the ledger's metrics: %w", err)
	}
	return m, nil
}

func (m *metrics) committed(b *batch) {
	m.entries.Add(float64(len(b.leaves)))
	m.batches.Observe(float64(len(b.leaves)))
}

func (m *metrics) answered(outcomes []Outcome) {
	for i := range outcomes {
		if r := outcomes[i].Refusal; r != nil {
			m.refusals.WithLabelValues(string(r.Code)).Inc()
		}
	}
}

// witnessed takes over how it stands with the witnesses.
func (m *metrics) witnessed(all []cosign.Status, quorum bool) {
	m.quorum.Set(0)
	if quorum {
		m.quorum.Set(1)
	}
	for _, s := range all {
		m.cosigned.WithLabelValues(s.Name).Set(float64(s.Size))
		alarm := 0.0
		if s.Alarm != "" {
			alarm = 1
		}
		m.alarms.WithLabelValues(s.Name).Set(alarm)
	}
}

func seconds(since time.Time) float64 { return time.Since(since).Seconds() }
