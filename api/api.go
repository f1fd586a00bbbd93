package api

import (
	_ "embed"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/semaphore"
)

//go:embed openapi.yaml
var openAPI []byte

// Config says what the edge is made of.
type Config struct {
	Ledger Ledger
	// Keys serves proving keys; without it none are served.
	Keys Keys
	// Logger takes the access log and the causes of 500s; nil for none. It never gets what is in a body, an address or a query.
	Logger *slog.Logger
	// Metrics is where the edge registers its metrics and what /metrics shows; a registry of its own if nil.
	Metrics *prometheus.Registry
	// ClientIP finds out whom a request is from, for quotas: one of chi's middleware.ClientIPFrom…, ClientIPFromRemoteAddr
	// if nil. Behind a proxy, say which: otherwise all its clients share one quota.
	ClientIP func(http.Handler) http.Handler
	// Fallback answers at paths that are not the API's (the viewer); nil for a 404 problem. What it may take is bounded as the API's own is.
	Fallback http.Handler
	Limits   Limits
}

// Limits bound what clients can cost; zero values are the defaults.
type Limits struct {
	Event       int64         // bytes of one submission without a witness: 128 KiB
	Witness     int64         // bytes more of one that has a witness: 1.5 MiB, where the largest witness fits in base64
	Witnesses   int64         // bytes in memory of all requests with one event that are larger than Event: 64 MiB
	Batch       int64         // bytes of a batch's body: 64 MiB
	BatchEvents int           // submissions in a batch: 1,000
	InFlight    int64         // bytes of all bodies in memory together: 256 MiB
	Refused     int           // refused events per client IP in a minute, beyond which it waits: 600; negative for no limit
	Timeout     time.Duration // for a body to arrive, and again for the answer: 30 s
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Event:       orDefault(l.Event, 128<<10),
		Witness:     orDefault(l.Witness, 3<<19),
		Witnesses:   orDefault(l.Witnesses, 64<<20),
		Batch:       orDefault(l.Batch, 64<<20),
		BatchEvents: orDefault(l.BatchEvents, 1000),
		InFlight:    orDefault(l.InFlight, 256<<20),
		Refused:     orDefault(l.Refused, 600),
		Timeout:     orDefault(l.Timeout, 30*time.Second),
	}
}

func orDefault[T comparable](value, byDefault T) T {
	var zero T
	if value == zero {
		return byDefault
	}
	return value
}

// server is what the handlers share. All of it is safe for concurrent use.
type server struct {
	ledger   Ledger
	keys     Keys
	logger   *slog.Logger
	limits   Limits
	fallback http.Handler
	metrics  *metrics
	quota    *quota
	bodies   *semaphore.Weighted // bytes of bodies in memory
	large    *semaphore.Weighted // of these, bytes of single events with a witness
	bundles  *semaphore.Weighted // bundles in the making
	decoders chan struct{}       // one for each core: bounds how many of them are decoded at once
	answers  sync.Pool           // of *[]byte: what answers to batches are made in
	routes   chi.Router
}

// New is the handler of the whole API. Its metrics are registered once: two of them on one registry are an error.
func New(cfg Config) (http.Handler, error) {
	s, err := newServer(cfg)
	if err != nil {
		return nil, err
	}
	return s.routes, nil
}

func newServer(cfg Config) (*server, error) {
	registry := cfg.Metrics
	if registry == nil {
		registry = prometheus.NewRegistry()
	}
	limits := cfg.Limits.withDefaults()
	s := &server{
		ledger: cfg.Ledger, keys: cfg.Keys, logger: cfg.Logger, limits: limits,
		metrics: newMetrics(), quota: newQuota(limits.Refused), bodies: semaphore.NewWeighted(max(limits.InFlight, limits.Batch)),
		large: semaphore.NewWeighted(max(limits.Witnesses, limits.Event+limits.Witness)), bundles: semaphore.NewWeighted(maxMaking), decoders: make(chan struct{}, runtime.GOMAXPROCS(0)),
	}
	if cfg.Fallback != nil {
		s.fallback = s.bound(cfg.Fallback)
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if err := s.metrics.register(registry); err != nil {
		return nil, fmt.Errorf("couldn't register the API's metrics: %w", err)
	}
	clientIP := cfg.ClientIP
	if clientIP == nil {
		clientIP = middleware.ClientIPFromRemoteAddr
	}
	s.route(clientIP, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return s, nil
}

// route lays out the paths. What stands here stands in openapi.yaml.
func (s *server) route(clientIP func(http.Handler) http.Handler, metrics http.Handler) {
	r := chi.NewRouter()
	s.routes = r
	r.Use(clientIP, identify, s.observe, s.recoverPanics, s.share, middleware.GetHead)
	r.NotFound(s.notFound)
	r.MethodNotAllowed(s.methodNotAllowed)

	r.Group(func(r chi.Router) {
		r.Use(s.bound)
		r.Post("/v1/events", s.postEvent)
		r.Post("/v1/events:batch", s.postBatch)
		r.Get("/v1/events/{digest}", s.getEvent)
		r.Get("/v1/events/{digest}/attestations", s.listAttestations)
		r.Get("/v1/entries", s.listEntries)
		r.Get("/v1/entries/{index}", s.getEntry)
		r.Get("/v1/entries/{index}/proof", s.getProof)
		r.Get("/v1/bundles", s.getEvidence)
		r.Get("/v1/provenance/{subject}", s.getProvenance) // slashes of the subject as %2F
		r.Get("/v1/checkpoints", s.listCheckpoints)
		r.Get("/v1/consistency", s.getConsistency)
		r.Get("/v1/witnesses", s.getWitnesses)
		r.Get("/v1/sources", s.listSources)
		r.Get("/v1/sources/{source}", s.getSource) // the slash of the name as %2F
		r.Get("/v1/sources/{name}/{instance}", s.getSource)
		r.Get("/v1/statements", s.listStatements)
		r.Get("/v1/statements/{statement}", s.getStatement)
		r.Get("/v1/proving", s.getProving)
		r.Get("/v1/summary", s.getSummary)
		r.Get("/checkpoint", s.getCheckpoint)
		r.Get("/tile/entries/*", s.getBundle)
		r.Get("/tile/*", s.getTile)
		r.Get("/healthz", s.healthz)
		r.Get("/readyz", s.readyz)
		r.Get("/openapi.yaml", s.getOpenAPI)
		r.Method(http.MethodGet, "/metrics", metrics)
	})
	// A proving key has a hundred megabytes: it takes the time that it takes.
	r.Get("/v1/statements/{statement}/proving-key", s.getProvingKey)
}

func (s *server) getOpenAPI(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/yaml") // RFC 9512
	_, _ = w.Write(openAPI)
}

// healthz says that this process runs; readyz, that it takes events.
func (s *server) healthz(w http.ResponseWriter, r *http.Request) {
	s.sendText(w, []byte("ok\n"))
}

func (s *server) readyz(w http.ResponseWriter, r *http.Request) {
	if err := s.ledger.Ready(r.Context()); err != nil {
		s.fail(w, r, err)
		return
	}
	s.sendText(w, []byte("ready\n"))
}

func (s *server) sendText(w http.ResponseWriter, text []byte) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(text)
}
