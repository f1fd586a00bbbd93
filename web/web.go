package web

import (
	"context"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/semaphore"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web/verifier"
)

// Log is the log that is viewed. *client.Client satisfies it; what holds of its methods holds here.
//
// The client should have no Options.Policy: the viewer says itself which cosignatures a head has, and a head that lacks some is to
// be seen, not refused.
type Log interface {
	Origin() string
	Key() note.Verifier
	VKey() string // the same, as C2SP signed-note writes it
	Library() verify.Tracer

	Checkpoint(ctx context.Context) (verify.Head, error)
	Checkpoints(ctx context.Context, before int64, limit int) ([]client.PublishedHead, error)
	Consistency(ctx context.Context, from, to verify.Head) ([][32]byte, error)
	ConsistencyHashes(ctx context.Context, from, to int64) ([][32]byte, error)

	Entry(ctx context.Context, index int64) (*client.Receipt, error)
	Event(ctx context.Context, digest event.Digest) (*client.Receipt, error)
	Entries(ctx context.Context, q client.Query) (client.Page, error)
	EachEntry(ctx context.Context, q client.Query, visit func(*verify.Entry) (more bool)) error
	Attestations(ctx context.Context, digest event.Digest) ([]*client.Receipt, error)
	Proof(ctx context.Context, index, size int64) ([]byte, error)
	Bundle(ctx context.Context, q client.BundleQuery) (*verify.Bundle, *verify.BundleReport, error)

	Sources(ctx context.Context) ([]client.SourceState, error)
	SourceState(ctx context.Context, name string) (client.SourceState, error)
	Statements(ctx context.Context) ([]*client.Statement, error)
	Statement(ctx context.Context, vk event.Digest) (*client.Statement, error)
	Proving(ctx context.Context) (*client.Proving, error)
	Summary(ctx context.Context, days int) (*client.Summary, error)
	Witnesses(ctx context.Context) (*client.Witnesses, error)
}

var _ Log = (*client.Client)(nil)

// Config says which log is shown, and how.
type Config struct {
	Log Log
	// Policy says whose cosignatures of heads count for whoever runs the viewer; nil for none.
	Policy *verify.Policy
	// Monitors watch the log independently. An alarm that one of them has raised stands on every page. Whoever makes a [RemoteMonitor] runs it, too.
	Monitors []Monitor
	// Notice is a sentence at the top of every page, such as whose log this is and who runs the viewer; empty for none.
	Notice string
	// Logger is told what went wrong; nil for none. It never gets what a page shows.
	Logger *slog.Logger
	// Now is the clock by which ages are told; time.Now if nil.
	Now func() time.Time
}

// viewer serves the pages of one log.
type viewer struct {
	log      Log
	policy   *verify.Policy
	notice   string
	logger   *slog.Logger
	now      func() time.Time
	assets   *assets
	verifier *verifier.Verifier // for browsers; nil where the program was built without
	// verifierMissing says why there is none.
	verifierMissing error
	offline         func() ([]byte, error) // the page that can be saved, made once
	templates       map[string]*template.Template
	newest          newestHead
	glance          glance
	watch           watch
	law             law
	rhythms         rhythms
	reports         reportLimits
	compared        compared
	opened          opened
	turns           chan struct{} // one element for each bundle that is fetched and verified
}

// answerWithin is how long a page may take: one of a log elsewhere waits for the network.
const answerWithin = 30 * time.Second

// New makes the viewer of a log. It sends nothing yet, and starts nothing that would have to be stopped.
func New(cfg Config) (http.Handler, error) {
	v, err := newViewer(cfg)
	if err != nil {
		return nil, err
	}
	return v.routes(), nil
}

func newViewer(cfg Config) (*viewer, error) {
	if cfg.Log == nil {
		return nil, errors.New("couldn't make a viewer of no log")
	}
	v := &viewer{log: cfg.Log, policy: cfg.Policy, notice: cfg.Notice, logger: cfg.Logger, now: cfg.Now, watch: watch{monitors: cfg.Monitors},
		newest: newestHead{asking: semaphore.NewWeighted(1)}, glance: glance{asking: semaphore.NewWeighted(1)}}
	v.law = law{folding: semaphore.NewWeighted(1), registry: verify.NewRegistry(v.log.Origin()), turns: map[string][]turn{}, revoked: map[event.Digest]*verify.Entry{}}
	v.reports, v.turns = usualReportLimits(), make(chan struct{}, maxTurns)
	if v.logger == nil {
		v.logger = slog.New(slog.DiscardHandler)
	}
	if v.now == nil {
		v.now = time.Now
	}
	var err error
	if v.verifier, v.verifierMissing = verifier.Load(); v.verifierMissing != nil && !errors.Is(v.verifierMissing, verifier.ErrMissing) {
		return nil, v.verifierMissing
	}
	v.offline = sync.OnceValues(v.makeOffline)
	if v.assets, err = newAssets(staticFiles, v.verifier); err != nil {
		return nil, err
	}
	if v.templates, err = parseTemplates(v.funcs()); err != nil {
		return nil, err
	}
	return v, nil
}

// routes lays out the paths. Below another router the viewer's own routing starts anew.
func (v *viewer) routes() http.Handler {
	r := chi.NewRouter()
	r.Use(secure, middleware.GetHead, v.bound)
	r.Get("/static/{hash}/*", v.assets.serve)
	r.Group(func(r chi.Router) {
		r.Use(middleware.Compress(5, "text/html", "text/csv", "application/json", "text/plain"))
		for _, p := range v.pages() {
			r.Get(p.path, v.handle(p.serve))
		}
		r.NotFound(v.handle(func(http.ResponseWriter, *http.Request) error {
			return notFound("There is no page at this address.")
		}))
		r.MethodNotAllowed(v.handle(func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Allow", "GET, HEAD")
			return &failure{status: http.StatusMethodNotAllowed, title: "Only for reading", detail: "The viewer's pages can be read, and nothing can be sent to them."}
		}))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), chi.RouteCtxKey, nil)))
	})
}

// bound gives a request its time.
func (v *viewer) bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
