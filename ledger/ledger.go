package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/internal/cosign"
	"github.com/attestlog/attestlog/ledger/internal/tilestore"
	"github.com/attestlog/attestlog/ledger/verify"
)

// Ledger is one log on one database. Any number of them may be open on the same database: all read, one leads and writes. It
// is safe for concurrent use.
type Ledger struct {
	cfg     Config
	log     *slog.Logger
	store   *tilestore.Store
	door    *door
	law     law
	metrics *metrics
	// witnesses are asked by whoever leads; nil if there is no policy.
	witnesses *cosign.Witnesses

	term      atomic.Pointer[term]          // nil while this process doesn't lead
	published atomic.Pointer[PublishedHead] // the newest that is known here; nil before the first
	witnessed atomic.Pointer[PublishedHead] // the newest that has its quorum of cosignatures; nil before the first
	inflight  atomic.Int64                  // events submitted and not answered
	proving   provingCache
	summary   summary
	grounds   grounds
	sifting   chan struct{} // one element for each query that looks at entries one by one

	// standing is why this process doesn't lead; it means nothing while there is a term.
	standing atomic.Pointer[standing]
}

// standing is why a process doesn't lead, and whether that is as it should be.
type standing struct {
	since  time.Time
	waits  bool // for another leader to go, or for nothing: it only reads
	reason *Refusal
}

const (
	defaultPublishEvery = time.Second
	defaultMaxQueue     = 8192
	// followAfter is how long a process waits for the lock until it concludes that another one leads.
	followAfter = 500 * time.Millisecond
	// After a term a process waits for minRetry until it tries to lead again; for twice as long after each try in vain, up to
	// maxRetry. After a conflict that only people can resolve it waits for maxRetry.
	minRetry = 50 * time.Millisecond
	maxRetry = 5 * time.Second
)

// Open connects to the database and reads what it needs to serve. It does not write: Run does.
func Open(ctx context.Context, cfg Config) (*Ledger, error) {
	if err := event.CheckOrigin(cfg.Origin); err != nil {
		return nil, fmt.Errorf("couldn't open the ledger: %w", err)
	}
	if cfg.Signer != nil && cfg.Signer.Name() != cfg.Origin {
		return nil, fmt.Errorf("couldn't open the ledger: the signing key is %q's, and the log is %q", cfg.Signer.Name(), cfg.Origin)
	}
	if cfg.Signer != nil && cfg.HeadsFile == "" {
		return nil, fmt.Errorf("couldn't open the ledger: a ledger that signs heads needs a file to remember them in")
	}
	if cfg.PublishEvery <= 0 {
		cfg.PublishEvery = defaultPublishEvery
	}
	if cfg.SweepEvery <= 0 {
		cfg.SweepEvery = defaultSweepEvery
	}
	if cfg.MaxQueue <= 0 {
		cfg.MaxQueue = defaultMaxQueue
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	metrics, err := newMetrics(cfg.Metrics)
	if err != nil {
		return nil, err
	}
	store, err := tilestore.Open(ctx, tilestore.Config{
		URL: cfg.DatabaseURL, Decode: decodeRow, MaxQueue: cfg.MaxQueue, Clock: cfg.Now, Logger: cfg.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't open the ledger: %w", err)
	}
	l := &Ledger{cfg: cfg, log: cfg.Logger, store: store, door: newDoor(cfg.Origin, store, metrics), metrics: metrics,
		law: law{store: store, registry: verify.NewRegistry(cfg.Origin)}, summary: newSummary(), sifting: make(chan struct{}, maxSifting)}
	l.stand(false, unavailable(nil, "the ledger is starting"))
	if cfg.Witnesses != nil {
		l.witnesses = l.newWitnesses(*cfg.Witnesses)
	}
	if err := l.refreshPublished(ctx); err != nil {
		store.Close()
		return nil, err
	}
	if cfg.Metrics != nil {
		if err := cfg.Metrics.Register(provingMetrics{l}); err != nil {
			store.Close()
			return nil, fmt.Errorf("couldn't register the ledger's metrics: %w", err)
		}
	}
	return l, nil
}

// decodeRow derives the indexed columns of an entry from its leaf.
func decodeRow(leaf []byte) (tilestore.Row, error) {
	entry, err := verify.OpenEntry(0, leaf)
	if err != nil {
		return tilestore.Row{}, err
	}
	return tilestore.Row{Logged: entry.Leaf.Logged, Kind: entry.Event.Kind(), Source: entry.Event.Source,
		Subject: entry.Event.Subject.Name, Digest: entry.Digest, Leaf: leaf, Attests: attests(entry.Event)}, nil
}

// Close lets go of the database. Run must have returned, and so must every call of Submit.
func (l *Ledger) Close() {
	l.door.proofs.close()
	l.store.Close()
}

// Origin is the log's name.
func (l *Ledger) Origin() string { return l.cfg.Origin }

// Leads tells whether this process writes to the log now.
func (l *Ledger) Leads() bool { return l.term.Load() != nil }

// Ready tells whether this ledger does what it is there for: leads, or reads while another process leads. If not, the error is
// a *Refusal that says why not; it wraps a *HeadsConflict where the database contradicts heads that were signed.
func (l *Ledger) Ready(ctx context.Context) error {
	if err := l.store.Ping(ctx); err != nil {
		return unavailable(err, "the database can't be reached")
	}
	if l.Leads() {
		return nil
	}
	if s := l.standing.Load(); !s.waits || time.Since(s.since) < followAfter {
		return s.reason
	}
	return nil
}

// stand records why this process doesn't lead.
func (l *Ledger) stand(waits bool, reason *Refusal) {
	l.standing.Store(&standing{time.Now(), waits, reason})
}

// Run leads while it can, puts events in order and publishes heads. It waits while another process leads. It returns nil when
// ctx ends, having answered all that was committed. It must not run twice at the same time.
func (l *Ledger) Run(ctx context.Context) error {
	following, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { l.follow(following) })
	beside.Go(func() { l.count(following) })
	defer func() { stop(); beside.Wait() }()
	if l.cfg.Signer == nil {
		l.stand(true, unavailable(nil, "this process has no key to sign heads with: it only reads"))
		<-ctx.Done()
		return nil
	}
	wait := minRetry
	for {
		led, err := l.lead(ctx)
		if ctx.Err() != nil {
			return nil
		}
		var conflict *HeadsConflict
		if led {
			wait = minRetry
		}
		if errors.As(err, &conflict) {
			wait = maxRetry
			l.stand(false, unavailable(err, "the ledger refuses to write: %s", conflict))
			l.log.Error("the ledger refuses to write", "reason", conflict, "headsFile", l.cfg.HeadsFile)
		} else {
			l.stand(false, unavailable(err, "this process doesn't lead the log at the moment"))
			l.log.Warn("a term as leader ended", "error", err)
		}
		select {
		case <-time.After(wait):
			wait = min(2*wait, maxRetry)
		case <-ctx.Done():
			return nil
		}
	}
}

// follow keeps the newest published head up to date while another process leads.
func (l *Ledger) follow(ctx context.Context) {
	tick := time.NewTicker(l.cfg.PublishEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if l.Leads() {
			continue
		}
		if err := l.refreshPublished(ctx); err != nil && ctx.Err() == nil {
			l.log.Warn("couldn't follow the published heads", "error", err)
		}
	}
}

// refreshPublished reads the newest published heads: of all, and of those with their quorum of cosignatures.
func (l *Ledger) refreshPublished(ctx context.Context) error {
	for _, read := range []func(context.Context) (tilestore.Head, error){l.store.NewestWitnessed, l.store.NewestHead} {
		head, err := read(ctx)
		if errors.Is(err, tilestore.ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("couldn't read the newest published head: %w", err)
		}
		if l.witnesses != nil {
			// It was published under the policy of its day, and readers are told about today's.
			if head.Quorum, err = l.witnesses.Remember(head.Note); err != nil {
				l.log.Warn("couldn't read who cosigned a published head", "size", head.Size, "error", err)
			}
		}
		l.show(head)
	}
	return nil
}

// show makes a head that is saved the published one, unless a newer one is. One of the same size may have other cosignatures.
func (l *Ledger) show(head tilestore.Head) {
	next := publishedHead(head)
	raise(&l.published, &next)
	if next.Quorum {
		raise(&l.witnessed, &next)
	}
	l.metrics.published.Set(float64(l.published.Load().Size))
}

func raise(at *atomic.Pointer[PublishedHead], next *PublishedHead) {
	for {
		old := at.Load()
		if old != nil && old.Size > next.Size || at.CompareAndSwap(old, next) {
			return
		}
	}
}

func publishedHead(h tilestore.Head) PublishedHead {
	return PublishedHead{Size: h.Size, Root: h.Root, Published: h.Published.UnixMilli(), Note: h.Note, Quorum: h.Quorum}
}
