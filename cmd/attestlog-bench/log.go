package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/attestlog/attestlog/ledger"
)

func bindLog(fs *flag.FlagSet) func(context.Context, plan, *report) error {
	var d databaseFlags
	d.bind(fs)
	leaves := fs.Int64("leaves", 1_000_000, "how large the log is in which growth, storage and proofs are measured")
	return func(ctx context.Context, p plan, r *report) (err error) {
		if *leaves < 1000 || *leaves > 1_000_000_000 {
			return &usageError{"--leaves must be from 1,000 to 1,000,000,000"}
		}
		db, err := d.open(ctx, r)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.close(ctx)) }()
		if err := measureSubmitters(ctx, p, r, db); err != nil {
			return err
		}
		return measureGrowth(ctx, p, r, db, *leaves)
	}
}

// opaque is a log of opaque leaves: the ledger's sequencing half, running.
type opaque struct {
	*ledger.Sequencer
	stop context.CancelFunc
	done chan error
}

func openOpaque(ctx context.Context, url string) (*opaque, error) {
	s, err := ledger.OpenSequencer(ctx, ledger.SequencerConfig{DatabaseURL: url})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	o := &opaque{s, stop, make(chan error, 1)}
	go func() { o.done <- s.Run(ctx) }()
	return o, nil
}

func (o *opaque) close() error {
	o.stop()
	err := <-o.done
	o.Close()
	return err
}

// submit runs submitters of one leaf at a time for so long, and gives the rate and each leaf's wait in milliseconds.
func (o *opaque) submit(ctx context.Context, submitters int, d time.Duration, w *workload) (rate float64, waits series, err error) {
	each := make([]series, submitters)
	errs := make([]error, submitters)
	var wg sync.WaitGroup
	start := time.Now()
	for i := range submitters {
		wg.Go(func() {
			leaf := w.leaf(i)
			for time.Since(start) < d && errs[i] == nil {
				w.renew(&leaf)
				sent := time.Now()
				_, errs[i] = o.Append(ctx, leaf)
				each[i] = append(each[i], time.Since(sent).Seconds()*1e3)
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	for i := range each {
		waits = append(waits, each[i]...)
	}
	return float64(len(waits)) / took.Seconds(), waits, firstError(errs)
}

// measureSubmitters measures many submitters at once against COPY, in transactions of as many rows as there are submitters.
func measureSubmitters(ctx context.Context, p plan, r *report, db *database) (err error) {
	url, err := db.log(ctx, "submitters")
	if err != nil {
		return err
	}
	log, err := openOpaque(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.close()) }()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("couldn't connect to PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := createPlain(ctx, conn); err != nil {
		return err
	}
	w := new(workload)
	copied := new(copyCounter)
	slice := p.slice() / 4 // more rounds than asked for, and shorter ones: still thousands of leaves each
	type result struct{ rate, p50, p99, copyRate, copyP50, copyP99 series }
	results := map[int]*result{1024: {}, 64: {}}
	logOf := func(submitters int) measure {
		return func(ctx context.Context) error {
			rate, waits, err := log.submit(ctx, submitters, slice, w)
			o := results[submitters]
			o.rate, o.p50, o.p99 = append(o.rate, rate), append(o.p50, waits.quantile(.5)), append(o.p99, waits.quantile(.99))
			return err
		}
	}
	copyOf := func(rows int) measure {
		batch := w.copyBatch(rows)
		return func(ctx context.Context) error {
			rate, waits, err := batch.copy(ctx, conn, copied, slice)
			o := results[rows]
			o.copyRate, o.copyP50, o.copyP99 = append(o.copyRate, rate), append(o.copyP50, waits.quantile(.5)), append(o.copyP99, waits.quantile(.99))
			return err
		}
	}
	r.progress("1,024 and 64 submitters, against plain COPY")
	if _, _, err := log.submit(ctx, 1024, slice, w); err != nil { // warms up, and gives the names their numbers
		return err
	}
	if err := interleave(ctx, p, logOf(1024), copyOf(1024), logOf(64), copyOf(64)); err != nil {
		return err
	}
	many, few := results[1024], results[64]
	const (
		what  = "leaves of 1 KiB from %d submitters of one at a time, all indexes filled, durable before the answer"
		limit = "limit: %s of COPYs of %d such rows each, a transaction each, into a table with a primary key and no other index"
		where = "; %s"
	)
	return errors.Join(
		r.figure("log/1024/rate", "leaves/s", many.rate, many.copyRate, what+"; "+limit+where, 1024, "the rows a second", 1024, db.settings),
		r.figure("log/1024/p99", "ms", many.p99, many.copyP99, what+"; "+limit+where, 1024, "the p99", 1024, db.settings),
		r.figure("log/64/rate", "leaves/s", few.rate, few.copyRate, what+"; "+limit+where, 64, "the rows a second", 64, db.settings),
		r.figure("log/64/p50", "ms", few.p50, few.copyP50, what+"; "+limit+where, 64, "the p50", 64, db.settings),
	)
}

// growth measures a large log beside a small one.
type growth struct {
	db           *database
	plan         plan
	report       *report
	work         *workload
	large, small string // URLs
	leaves       int64  // of the large log in the end; the small one has a tenth of it in the middle of the measurement
	rounds       int
	chunk        int64 // leaves that are timed in a round
	warm         int64 // leaves that are appended before them, untimed
}

func measureGrowth(ctx context.Context, p plan, r *report, db *database, leaves int64) error {
	g := &growth{db: db, plan: p, report: r, work: new(workload), leaves: leaves, rounds: max(p.rounds, 10)}
	g.chunk = max(leaves/10/int64(g.rounds), 1)
	g.warm = min(bulkSize, g.chunk)
	var err error
	if g.large, err = db.log(ctx, "large"); err != nil {
		return err
	}
	if g.small, err = db.log(ctx, "small"); err != nil {
		return err
	}
	window := int64(g.rounds) * (g.chunk + g.warm)
	if err := g.fill(ctx, g.small, leaves/10-window/2); err != nil {
		return err
	}
	if err := g.fill(ctx, g.large, leaves-window); err != nil {
		return err
	}
	if err := g.compare(ctx); err != nil {
		return err
	}
	if err := g.storage(ctx); err != nil {
		return err
	}
	return g.proofs(ctx)
}

// fill appends to a log until it has so many leaves.
func (g *growth) fill(ctx context.Context, url string, leaves int64) (err error) {
	log, err := openOpaque(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.close()) }()
	const step = 100_000
	for at := int64(0); at < leaves; at += step {
		g.report.progress("filling a log: %d of %d leaves", at, leaves)
		if _, err := log.bulk(ctx, min(step, leaves-at), g.work); err != nil {
			return err
		}
	}
	return nil
}

// append opens a log, appends a chunk, and says how many microseconds a leaf took.
func (g *growth) append(ctx context.Context, url string) (perLeaf float64, err error) {
	log, err := openOpaque(ctx, url)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, log.close()) }()
	if _, err := log.bulk(ctx, g.warm, g.work); err != nil {
		return 0, err
	}
	took, err := log.bulk(ctx, g.chunk, g.work)
	return took.Seconds() * 1e6 / float64(g.chunk), err
}

// compare appends to the small and to the large log in turn, and copies as many rows.
func (g *growth) compare(ctx context.Context) error {
	g.report.progress("appending to a log of %d leaves and to one of %d in turn", g.leaves/10, g.leaves)
	conn, err := pgx.Connect(ctx, g.small)
	if err != nil {
		return fmt.Errorf("couldn't connect to PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := createPlain(ctx, conn); err != nil {
		return err
	}
	copied := new(copyCounter)
	batch := g.work.copyBatch(int(min(appenders*bulkSize, g.chunk)))
	var small, large, plain, smallWAL, largeWAL, plainWAL series
	logged := func(wal *series, rows int64, m measure) measure {
		return func(ctx context.Context) error {
			before, err := walPosition(ctx, conn)
			if err != nil {
				return err
			}
			if err := m(ctx); err != nil {
				return err
			}
			after, err := walPosition(ctx, conn)
			*wal = append(*wal, float64(after-before)/float64(rows))
			return err
		}
	}
	grow := func(url string, into, wal *series) measure {
		return logged(wal, g.warm+g.chunk, func(ctx context.Context) error {
			x, err := g.append(ctx, url)
			*into = append(*into, x)
			return err
		})
	}
	// The number of rounds was set beforehand, for the sizes to come out right: no seconds.
	err = interleave(ctx, plan{rounds: g.rounds}, grow(g.small, &small, &smallWAL), grow(g.large, &large, &largeWAL),
		logged(&plainWAL, (g.chunk+int64(batch.rows)-1)/int64(batch.rows)*int64(batch.rows), func(ctx context.Context) error {
			rate, _, err := batch.copyRows(ctx, conn, copied, g.chunk)
			plain = append(plain, 1e6/rate)
			return err
		}))
	if err != nil {
		return err
	}
	return errors.Join(
		g.report.figure("log/growth/100k", "µs/leaf", small, plain,
			"time per leaf in a log of about %d leaves, in bulk (%d at a time, from %d submitters), in rounds of %d leaves; limit: plain COPY in transactions of %d rows; write-ahead log %s bytes a leaf against %s; %s",
			g.leaves/10, bulkSize, appenders, g.chunk, batch.rows, short(smallWAL.median()), short(plainWAL.median()), g.db.settings),
		g.report.figure("log/growth/1M", "µs/leaf", large, small,
			"the same in a log of %d leaves, in rounds that alternate with the other's; limit: the other's, so that a ratio of 1 means that a leaf costs as much in a large log as in a small one; write-ahead log %s bytes a leaf against %s; %s",
			g.leaves, short(largeWAL.median()), short(smallWAL.median()), g.db.settings),
	)
}

// storage says what the large log takes on disk.
func (g *growth) storage(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, g.large)
	if err != nil {
		return fmt.Errorf("couldn't connect to PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	bytes, err := size(ctx, conn)
	if err != nil {
		return err
	}
	return g.report.figure("log/storage/bytes-per-leaf", "bytes", series{float64(bytes) / float64(g.leaves)}, series{leafSize},
		"all tables and indexes of a log of %d leaves, tiles included, write-ahead log excluded; limit: the leaf's own bytes; %s", g.leaves, g.db.settings)
}

// proofsPerRound is few beside the 4,000 lowest tiles of a million leaves, so that most proofs need tiles that no cache has.
const proofsPerRound = 300

// proofs proves random entries of the large log with cold caches.
func (g *growth) proofs(ctx context.Context) error {
	g.report.progress("proving inclusion in a log of %d leaves", g.leaves)
	conn, err := pgx.Connect(ctx, g.large)
	if err != nil {
		return fmt.Errorf("couldn't connect to PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var ours, bare, slowest series
	round := func(ctx context.Context) (err error) {
		log, err := openOpaque(ctx, g.large)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, log.close()) }()
		var proofs, selects series
		for range proofsPerRound {
			index := rand.Int64N(g.leaves)
			start := time.Now()
			if _, err := log.Inclusion(ctx, index, g.leaves); err != nil {
				return err
			}
			proofs = append(proofs, time.Since(start).Seconds()*1e3)
			start = time.Now()
			var leaf []byte
			if err := conn.QueryRow(ctx, "SELECT leaf FROM entries WHERE idx = $1", rand.Int64N(g.leaves)).Scan(&leaf); err != nil {
				return fmt.Errorf("couldn't read an entry: %w", err)
			}
			selects = append(selects, time.Since(start).Seconds()*1e3)
		}
		ours, bare, slowest = append(ours, proofs.median()), append(bare, selects.median()), append(slowest, proofs.quantile(.99))
		return nil
	}
	if err := interleave(ctx, plan{rounds: g.plan.rounds}, round); err != nil {
		return err
	}
	return g.report.figure("log/proof/p50", "ms", ours, bare,
		"inclusion proofs of random entries in a log of %d leaves, the first %d after the log was opened, so that its cache of tiles is cold (p99 %s ms); limit: SELECT of a random entry by its primary key; %s",
		g.leaves, proofsPerRound, short(slowest.median()), g.db.settings)
}
