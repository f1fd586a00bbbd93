package api

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/attestlog/attestlog/ledger"
)

// metrics are the edge's own. Routes are patterns and codes a closed list, so that the number of series is bounded.
type metrics struct {
	requests *prometheus.HistogramVec // by route, method, status
	events   *prometheus.CounterVec   // by outcome: logged, duplicate, or the code of a refusal
	inFlight prometheus.Gauge
	panics   prometheus.Counter
}

func newMetrics() *metrics {
	return &metrics{
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "attestlog_http_request_duration_seconds", Help: "Time to answer a request, by route pattern, method and status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route", "method", "status"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "attestlog_http_events_total", Help: "Events that came in, by outcome: logged, duplicate, or the code of the refusal.",
		}, []string{"outcome"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "attestlog_http_requests_in_flight", Help: "Requests being answered."}),
		panics:   prometheus.NewCounter(prometheus.CounterOpts{Name: "attestlog_http_panics_total", Help: "Handlers that panicked: each is a bug."}),
	}
}

func (m *metrics) register(r prometheus.Registerer) error {
	return errors.Join(r.Register(m.requests), r.Register(m.events), r.Register(m.inFlight), r.Register(m.panics))
}

func (m *metrics) observe(route, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Observe(took.Seconds())
}

// count counts outcomes; it adds up before it asks for a counter, because asking is not free and a batch is long.
func (m *metrics) count(outcomes []ledger.Outcome) {
	logged, duplicate := 0, 0
	for i := range outcomes {
		switch o := &outcomes[i]; {
		case o.Refusal != nil:
			m.events.WithLabelValues(string(typeOf(o.Refusal.Code).code)).Inc()
		case o.Duplicate:
			duplicate++
		default:
			logged++
		}
	}
	m.events.WithLabelValues("logged").Add(float64(logged))
	m.events.WithLabelValues("duplicate").Add(float64(duplicate))
}
