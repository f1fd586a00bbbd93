package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/attestlog/attestlog/cmd/internal/garbage"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/monitor"
	"github.com/attestlog/attestlog/ledger/verify"
)

func bindMonitor(fs *flag.FlagSet) func(context.Context, plan, *report) error {
	entries := fs.Int64("entries", 100_000, "how many entries the log without proofs has")
	proofs := fs.Int64("proofs", 8192, "how many entries the log with proofs has")
	return func(ctx context.Context, p plan, r *report) error {
		if *entries < 100 || *entries > 10_000_000 || *proofs < 100 || *proofs > 1_000_000 {
			return &usageError{"--entries must be from 100 to 10000000, and --proofs from 100 to 1000000"}
		}
		return measureMonitor(ctx, p, r, *entries, *proofs)
	}
}

// watchedLog is a log in memory, served over the loopback interface as C2SP tlog-tiles, with sources that take turns.
type watchedLog struct {
	key    note.Verifier
	size   int64
	url    string
	server *http.Server
	files  map[string][]byte
}

// watchedSources is how many sources the log has.
const watchedSources = 100

// newWatchedLog makes a log of about so many accesses, each with a proof or none with any.
func newWatchedLog(accesses int64, proven bool) (_ *watchedLog, err error) {
	secret, public, err := note.GenerateKey(rand.Reader, sampleOrigin)
	if err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		return nil, err
	}
	l := &watchedLog{files: map[string][]byte{}}
	if l.key, err = note.NewVerifier(public); err != nil {
		return nil, err
	}
	w := &tileWriter{files: l.files}
	if err := w.fill(accesses, proven); err != nil {
		return nil, err
	}
	l.size = w.size
	if err := w.finish(signer); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("couldn't serve the log: %w", err)
	}
	l.url = "http://" + listener.Addr().String()
	l.server = &http.Server{Handler: l, ReadHeaderTimeout: time.Minute}
	go func() { _ = l.server.Serve(listener) }() // ends with Close
	return l, nil
}

// ServeHTTP serves a tile.
func (l *watchedLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, ok := l.files[strings.TrimPrefix(r.URL.Path, "/")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Write(b)
}

func (l *watchedLog) close() error { return l.server.Close() }

// tileWriter lays leaves out as tiles.
type tileWriter struct {
	files  map[string][]byte
	stored []tlog.Hash
	size   int64
	bundle []byte
}

func (w *tileWriter) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = w.stored[x]
	}
	return out, nil
}

// fill writes a log's first entries, and then accesses of all sources in turn.
func (w *tileWriter) fill(accesses int64, proven bool) error {
	seed := make([]byte, 32)
	operator := newChain(sampleOrigin, seed, watchedSources)
	prover, err := newAttester(seed)
	if err != nil {
		return err
	}
	first := []event.Event{operator.register(event.RoleOperator)}
	sources := make([]*chain, watchedSources)
	for i := range sources {
		sources[i] = newChain(sampleOrigin, seed, i)
		first = append(first, sources[i].register(event.RoleController))
	}
	first = append(first, prover.register())
	for _, e := range first {
		if err := w.write(operator.next(e)); err != nil {
			return err
		}
	}
	data, err := sources[0].next(event.Event{Subject: event.Subject{Name: "data"}, Claims: loadDataset()})
	if err := w.write(data, err); err != nil {
		return err
	}
	for i := range accesses {
		from := sources[i%watchedSources]
		var sub *event.Submission
		if proven {
			sub, err = prover.next(from, data.Envelope.Digest())
		} else {
			sub, err = from.next(access(data.Envelope.Digest()))
		}
		if err := w.write(sub, err); err != nil {
			return err
		}
	}
	return nil
}

func (w *tileWriter) write(sub *event.Submission, err error) error {
	if err != nil {
		return err
	}
	leaf, err := (&event.Leaf{Submission: *sub, Logged: 1_700_000_000_000 + w.size}).Encode()
	if err != nil {
		return err
	}
	hashes, err := tlog.StoredHashes(w.size, leaf, w)
	if err != nil {
		return err
	}
	w.stored = append(w.stored, hashes...)
	if w.bundle, err = torchwood.AppendTileEntry(w.bundle, leaf); err != nil {
		return err
	}
	if w.size++; w.size%torchwood.TileWidth == 0 {
		w.flush(torchwood.TileWidth)
	}
	return nil
}

// flush keeps the bundle that is full, or as full as it gets.
func (w *tileWriter) flush(width int) {
	n := (w.size - 1) / torchwood.TileWidth
	w.files[torchwood.TilePath(tlog.Tile{H: torchwood.TileHeight, L: -1, N: n, W: width})] = w.bundle
	w.bundle = nil
}

// finish makes the hash tiles and the head.
func (w *tileWriter) finish(signer note.Signer) error {
	if left := w.size % torchwood.TileWidth; left > 0 {
		w.flush(int(left))
	}
	for _, t := range tlog.NewTiles(torchwood.TileHeight, 0, w.size) {
		b, err := tlog.ReadTileData(t, w)
		if err != nil {
			return err
		}
		w.files[torchwood.TilePath(t)] = b
	}
	root, err := tlog.TreeHash(w.size, w)
	if err != nil {
		return err
	}
	w.files["checkpoint"], err = verify.SignHead(signer, w.size, root)
	return err
}

// follow has a monitor with an empty directory read and judge the whole log, and says how long that took in seconds.
func (l *watchedLog) follow(ctx context.Context, dir string, proofs bool) (seconds float64, err error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	source, err := monitor.NewHTTPSource(l.url, client)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	m, err := monitor.Open(monitor.Config{Dir: dir, Unproven: !proofs, Logs: []monitor.LogConfig{{Key: l.key, Law: true, Sources: []monitor.Source{source}}}})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	start := time.Now()
	if err := m.Round(ctx); err != nil {
		return 0, err
	}
	took := time.Since(start)
	if s := m.Status()[0]; s.HeadSize != l.size || len(s.Alarms) > 0 {
		return 0, fmt.Errorf("a monitor read %d of %d entries and raised %d alarms, such as %s", s.HeadSize, l.size, len(s.Alarms), append(s.Alarms, monitor.Alarm{})[0].Detail)
	}
	return took.Seconds(), nil
}

func measureMonitor(ctx context.Context, p plan, r *report, entries, proofs int64) (err error) {
	defer garbage.CollectLess()()
	r.progress("making a log of %d entries, and one of %d with proofs", entries, proofs)
	plain, err := newWatchedLog(entries, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plain.close()) }()
	proven, err := newWatchedLog(proofs, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, proven.close()) }()
	bare, err := newSignatures()
	if err != nil {
		return err
	}
	folded, err := newFolds()
	if err != nil {
		return err
	}
	tmp, remove, err := temporary()
	if err != nil {
		return err
	}
	defer remove()
	dir := filepath.Join(tmp, "monitor")
	r.progress("monitoring")
	var rate, signatures, without, with, verifier series
	timed := func(into *series, l *watchedLog, proofs bool) measure {
		return func(ctx context.Context) error {
			seconds, err := l.follow(ctx, dir, proofs)
			*into = append(*into, seconds)
			return err
		}
	}
	bounded := func(into *series, rate func(time.Duration) (float64, float64, error)) measure {
		return func(context.Context) error {
			x, _, err := rate(p.slice() / 4)
			*into = append(*into, x)
			return err
		}
	}
	err = interleave(ctx, p, timed(&rate, plain, false), bounded(&signatures, bare.rate),
		timed(&without, proven, false), timed(&with, proven, true), bounded(&verifier, folded.rate))
	if err != nil {
		return err
	}
	var stage, whole, ideal series
	for i := range with {
		stage = append(stage, float64(proofs)/max(with[i]-without[i], 1e-9))
		whole = append(whole, float64(proven.size)/with[i])
		ideal = append(ideal, 1/(1/signatures[i]+1/verifier[i]))
	}
	for i, seconds := range rate {
		rate[i] = float64(plain.size) / seconds
	}
	return errors.Join(
		r.figure("monitor/entries/rate", "entries/s", rate, signatures,
			"a first sync of %d entries over the loopback interface, from %d sources: fetched, decoded, hashed into the tree, signatures and the law judged, kept on disk, without proofs; limit: their Ed25519 signatures alone, verified on all cores", plain.size, watchedSources),
		r.figure("monitor/proofs/rate", "proofs/s", stage, verifier,
			"what a first sync of %d entries with proofs of %s takes longer with their proofs checked than without; limit: the folded verifier, %d at once, where a monitor has up to 256", proven.size, attestedStatement, batchSize),
		r.figure("monitor/proven-entries/rate", "entries/s", whole, ideal,
			"that sync as a whole, proofs checked; limit: bare signatures and then the folded verifier"))
}
