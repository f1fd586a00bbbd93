package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger"
)

// openLog is a log that this process runs: its PostgreSQL, its ledger, and the sequencer in the background.
type openLog struct {
	*ledger.Ledger
	db     *database
	logger *slog.Logger
	cancel context.CancelFunc
	ran    chan struct{} // closed when the sequencer has ended; runErr is then set
	runErr error
}

// readyPatience is how long a log may take until it takes events: the last leader's lock may have to time out.
const readyPatience = 30 * time.Second

var errPostgresEnded = errors.New("PostgreSQL ended without being asked to: --verbose shows its own log")

// open starts everything that stands below HTTP. On an error nothing is left running.
func open(ctx context.Context, d dataDir, cfg storage, signer note.Signer, witnesses *ledger.Witnessing, metrics prometheus.Registerer, logger *slog.Logger) (*openLog, error) {
	db, err := openDatabase(ctx, d, cfg, logger)
	if err != nil {
		return nil, err
	}
	opened, err := ledger.Open(ctx, ledger.Config{
		DatabaseURL:   db.url,
		Origin:        signer.Name(),
		Signer:        signer,
		HeadsFile:     d.heads(),
		Witnesses:     witnesses,
		AdoptDatabase: cfg.AdoptDatabase,
		Logger:        logger,
		Metrics:       metrics,
	})
	if err != nil {
		db.close(logger)
		return nil, err
	}
	l := &openLog{Ledger: opened, db: db, logger: logger, ran: make(chan struct{})}
	if err := l.checkOrigin(ctx); err != nil {
		opened.Close()
		db.close(logger)
		return nil, err
	}
	// The sequencer outlives ctx: it is stopped by close, after the requests that wait for it.
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.cancel = cancel
	go func() {
		defer close(l.ran)
		l.runErr = opened.Run(running)
	}()
	return l, nil
}

// checkOrigin refuses a database that holds another log: its entries say which one they were meant for.
func (l *openLog) checkOrigin(ctx context.Context) error {
	founder, err := l.Entry(ctx, 0)
	var refusal *ledger.Refusal
	switch {
	case errors.As(err, &refusal) && refusal.Code == ledger.NotFound:
		return nil // empty
	case err != nil:
		return fmt.Errorf("couldn't read the log's first entry: %w", err)
	case founder.Event.Log != l.Origin():
		return fmt.Errorf("couldn't use this database: it holds the log %q, and the key in the data directory is that of %q", founder.Event.Log, l.Origin())
	}
	return nil
}

// founded tells whether the log has its first entry, the operator's registration.
func (l *openLog) founded(ctx context.Context) (bool, error) {
	_, err := l.Entry(ctx, 0)
	var refusal *ledger.Refusal
	if errors.As(err, &refusal) && refusal.Code == ledger.NotFound {
		return false, nil
	}
	return err == nil, err
}

// awaitReady returns when the log takes events, here or in another process that leads it, or says why it doesn't. A database that
// contradicts the heads that were signed is not waited for: it takes people to resolve that.
func (l *openLog) awaitReady(ctx context.Context) error { return l.await(ctx, l.Ready) }

// awaitLead returns when this very process takes events: who makes a log has nobody to wait for.
func (l *openLog) awaitLead(ctx context.Context) error {
	return l.await(ctx, func(ctx context.Context) error {
		if err := l.Ready(ctx); err != nil {
			return err
		}
		if !l.Leads() {
			return errOtherLeads
		}
		return nil
	})
}

var errOtherLeads = errors.New("another process leads the log, and takes the writes")

func (l *openLog) await(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		var conflict *ledger.HeadsConflict
		if errors.As(err, &conflict) {
			if conflict.Missing {
				return fmt.Errorf("refusing to write to the log: %w (serve --adopt-database)", conflict)
			}
			return fmt.Errorf("refusing to write to the log: %w", conflict)
		}
		select {
		case <-tick.C:
		case <-l.ran:
			return l.ended()
		case <-l.db.ended():
			return errPostgresEnded
		case <-ctx.Done():
			if cause := errors.Unwrap(err); cause != nil { // what a client isn't told, the operator is
				return fmt.Errorf("couldn't start the log: %w: %w", err, cause)
			}
			return fmt.Errorf("couldn't start the log: %w", err)
		}
	}
}

// ended is why the sequencer ended, which nobody asked it to; call it when ran is closed.
func (l *openLog) ended() error {
	if l.runErr != nil {
		return l.runErr
	}
	return errors.New("the sequencer ended")
}

// close stops the sequencer, then PostgreSQL. Requests must have been drained.
func (l *openLog) close() {
	l.cancel()
	<-l.ran
	l.Close()
	l.db.close(l.logger)
}
