package tilestore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/google/trillian"
	"github.com/google/trillian/log"
	"github.com/google/trillian/quota"
	"github.com/jackc/pgx/v5"
)

// lockKey is the advisory lock of the log's leader: "attestlg".
const lockKey = 0x6174746573746c67

const (
	lockInterval = 200 * time.Millisecond // between attempts to become the leader
	pingInterval = 2 * time.Second        // between questions of an idle leader whether its session lives
)

// emptyRoot is the root of the tree without leaves.
var emptyRoot = sha256.Sum256(nil)

// Leader is the one writer of a log.
type Leader struct {
	store *Store
	queue queue

	// The rest belongs to the goroutine of Run.
	conn     *pgx.Conn // holds the advisory lock, and carries every batch
	clock    *steadyClock
	judge    Judge
	tip      Tip
	edge     *edge
	names    map[string]int32
	lastName int32

	// Of the current batch; buffers are kept for the next.
	batch *batch
	sql   []byte
	rows  []byte
}

// Lead waits until this process is the leader, that is until ctx ends or every other leader is gone. Then nobody else can
// write to the log until the Leader ends: by Run's return, or by Close if Run is never called. waits, if not nil, is called once where
// another leader is there: that is known then, and not guessed from how long this takes.
func (s *Store) Lead(ctx context.Context, waits func()) (*Leader, error) {
	log.InitMetrics(s.cfg.Metrics)
	conn, err := s.lockedSession(ctx, waits)
	if err != nil {
		return nil, err
	}
	l := &Leader{store: s, conn: conn, names: make(map[string]int32), queue: queue{arrived: make(chan struct{}, 1)}}
	if err := l.takeOver(ctx); err != nil {
		l.Close()
		return nil, err
	}
	s.cfg.Logger.Info("leading the log", "size", l.tip.Size, "epoch", l.tip.Epoch)
	return l, nil
}

// lockedSession opens a session and waits for the advisory lock on it.
func (s *Store) lockedSession(ctx context.Context, waits func()) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(s.cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the database URL: %w", err)
	}
	// PostgreSQL must notice within seconds that a leader's machine is gone, or nobody could follow it.
	cfg.RuntimeParams["tcp_keepalives_idle"] = "5"
	cfg.RuntimeParams["tcp_keepalives_interval"] = "2"
	cfg.RuntimeParams["tcp_keepalives_count"] = "3"
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("couldn't connect to PostgreSQL: %w", err)
	}
	tick := time.NewTicker(lockInterval)
	defer tick.Stop()
	for {
		var locked bool
		err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(lockKey)).Scan(&locked)
		if err == nil && locked {
			return conn, nil
		}
		if err == nil {
			if waits != nil {
				waits()
				waits = nil
			}
			select {
			case <-tick.C:
				continue
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		closeConn(conn)
		return nil, fmt.Errorf("couldn't become the leader: %w", err)
	}
}

// takeOver starts a new epoch and rebuilds what a leader keeps in memory. What the database says must hold together.
func (l *Leader) takeOver(ctx context.Context) (err error) {
	var durable bool
	err = l.conn.QueryRow(ctx, `SELECT current_setting('fsync')::bool FROM (
		SELECT CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', false) END) s`).Scan(&durable)
	if err != nil {
		return fmt.Errorf("couldn't set up the leader's session: %w", err)
	}
	if !durable {
		l.store.cfg.Logger.Warn("PostgreSQL runs without fsync: a crash of its machine can lose acknowledged entries")
	}
	l.tip, err = scanTip(l.conn.QueryRow(ctx, "UPDATE tip SET epoch = epoch + 1 RETURNING size, root, epoch, logged"))
	if err != nil {
		return fmt.Errorf("couldn't begin a new epoch: %w", err)
	}
	if err := l.conn.QueryRow(ctx, "SELECT coalesce(max(id), 0) FROM names").Scan(&l.lastName); err != nil {
		return fmt.Errorf("couldn't read the names: %w", err)
	}
	l.clock = &steadyClock{now: l.store.cfg.Clock, last: l.tip.Logged}
	l.store.cache.reset() // the database may be another one than before: restored, say
	if l.edge, err = l.store.loadEdge(ctx, l.tip.Size); err != nil {
		return err
	}
	if root := l.edge.root(); root != l.tip.Root {
		return fmt.Errorf("couldn't lead the log: the entries give root %x at size %d, and the tip says %x: the database is damaged", root, l.tip.Size, l.tip.Root)
	}
	return nil
}

// Tip is the head that this leader starts from, before Run is called.
func (l *Leader) Tip() Tip { return l.tip }

// Run writes batches until ctx ends, which gives nil, or until it can't go on. onCommit is told of every new tip, before
// those who wait for the entries are. It must not block for long, and it must not keep an error to itself: an error from
// it stops the leader, too, but the batch is committed.
//
// The error wraps ErrFenced where another leader took over, ErrUnknown where a commit's outcome couldn't be found out,
// and otherwise what went wrong. In each case Lead may be called again, with a judge that starts afresh.
func (l *Leader) Run(ctx context.Context, judge Judge, onCommit func(Tip) error) error {
	defer l.Close()
	l.judge = judge
	tree := &trillian.Tree{TreeId: treeID, TreeType: trillian.TreeType_LOG}
	ping := time.NewTicker(pingInterval)
	defer ping.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		default:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ping.C:
			if err := l.ping(ctx); err != nil {
				return err
			}
		case <-l.queue.arrived:
			l.queue.gather()
			_, err := log.IntegrateBatch(ctx, tree, l.store.cfg.MaxBatch, 0, 0, l.clock, sequencer{l}, quota.Noop())
			if err != nil {
				err = l.fail(ctx, err, onCommit)
				if errors.Is(err, context.Canceled) && ctx.Err() != nil {
					return nil
				}
				return err
			}
			if err := l.acknowledge(onCommit); err != nil {
				return err
			}
		}
	}
}

// ping finds out that an idle leader has lost its session, and with it the lock.
func (l *Leader) ping(ctx context.Context) error {
	if err := l.conn.Ping(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("couldn't keep the leader's session: %w", err)
	}
	return nil
}

// confirm makes sure that verdicts which change nothing come from a leader who still leads.
func (l *Leader) confirm(ctx context.Context, b *batch) error {
	if len(b.items) == 0 {
		return nil
	}
	tip, err := b.tx.Tip(ctx)
	switch {
	case err != nil:
		b.cause = &refused{err}
	case tip.Size != l.tip.Size || tip.Epoch != l.tip.Epoch:
		b.cause = &refused{fmt.Errorf("%w (the log is at size %d in epoch %d)", ErrFenced, tip.Size, tip.Epoch)}
	}
	return b.cause
}

// acknowledge makes a committed batch known: to the cache, to onCommit, and then to those who wait.
func (l *Leader) acknowledge(onCommit func(Tip) error) error {
	b := l.batch
	l.batch = nil
	var err error
	if b.accepted > 0 {
		l.tip, l.edge = b.tip, b.edge
		l.edge.remember(l.store.cache, b.full)
		if onCommit != nil {
			err = onCommit(l.tip)
		}
	}
	tip := l.tip
	for _, it := range b.items {
		if it.Err = it.Refusal; it.Err == nil {
			it.Tip = &tip
		}
		it.settle()
	}
	return err
}

// fail decides what becomes of a batch that failed, and returns why it did.
func (l *Leader) fail(ctx context.Context, err error, onCommit func(Tip) error) error {
	b := l.batch
	var certain *refused
	if b == nil || b.cause == nil || errors.As(b.cause, &certain) {
		l.drop(ErrStopped)
		return err
	}
	l.store.cfg.Logger.Warn("a commit's outcome is unknown; looking into it", "size", b.tip.Size, "error", err)
	landed, settleErr := l.outcome(context.WithoutCancel(ctx), b)
	switch {
	case settleErr != nil:
		l.drop(ErrUnknown)
		return fmt.Errorf("%w: %w", ErrUnknown, errors.Join(err, settleErr))
	case !landed:
		l.drop(ErrStopped)
	default:
		err = errors.Join(err, l.acknowledge(onCommit))
	}
	return err
}

// drop gives the items of the current batch an error.
func (l *Leader) drop(err error) {
	if l.batch == nil {
		return
	}
	for _, it := range l.batch.items {
		it.Err = err
		it.settle()
	}
	l.batch = nil
}

// outcome finds out whether a batch was stored. It waits for the lock on a new session: then the old session has ended,
// and what it left is final.
func (l *Leader) outcome(ctx context.Context, b *batch) (landed bool, err error) {
	closeConn(l.conn)
	ctx, cancel := context.WithTimeout(ctx, l.store.cfg.SettleTimeout)
	defer cancel()
	retry := time.NewTicker(lockInterval)
	defer retry.Stop()
	for {
		if landed, err = l.landed(ctx, b); err == nil {
			return landed, nil
		}
		select {
		case <-retry.C: // PostgreSQL may be restarting
		case <-ctx.Done():
			return false, err
		}
	}
}

func (l *Leader) landed(ctx context.Context, b *batch) (bool, error) {
	conn, err := l.store.lockedSession(ctx, nil)
	if err != nil {
		return false, err
	}
	defer closeConn(conn)
	r := reader{conn, l.store.cfg.Decode}
	tip, err := r.Tip(ctx)
	if err != nil {
		return false, err
	}
	if tip.Epoch == l.tip.Epoch {
		return tip.Size == b.tip.Size && tip.Root == b.tip.Root, nil
	}
	// Another leader came in between, and may have written, too. The batch is there if and only if the tree of its size has
	// its root.
	if tip.Size < b.tip.Size {
		return false, nil
	}
	root, err := l.store.RootAt(ctx, b.tip.Size)
	return root == b.tip.Root, err
}

// Close gives up leadership. Items that wait get ErrStopped. Run closes its Leader itself.
func (l *Leader) Close() {
	l.drop(ErrStopped)
	for _, it := range l.queue.close() {
		it.Err = ErrStopped
		it.settle()
	}
	closeConn(l.conn)
}

// closeConn closes a connection that may be broken, without waiting for it.
func closeConn(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	// The session ends either way; there is nobody to tell.
	_ = conn.Close(ctx)
}
