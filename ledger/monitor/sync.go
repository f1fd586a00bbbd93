package monitor

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"filippo.io/torchwood"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/attestlog/attestlog/ledger/monitor/internal/audit"
	"github.com/attestlog/attestlog/ledger/verify"
)

const (
	// A chunk is what is judged and committed at once: so many entries, or so many bytes of them.
	chunkEntries = 8192
	chunkBytes   = 16 << 20
	// ahead is how many bundles are fetched before they are needed.
	ahead = 12
)

// chunk is a run of entries as a log served them.
type chunk struct {
	first  int64
	leaves [][]byte
	hashes [][32]byte
}

func (c *chunk) end() int64 { return c.first + int64(len(c.leaves)) }

// fetched is a bundle that is on its way.
type fetched struct {
	first int64 // of the entries wanted
	ready chan struct{}
	part  [][]byte
	err   error
}

// fetch reads the entries in [from, to) and gives them to take, chunk by chunk, in order. What comes next is fetched meanwhile.
func fetch(ctx context.Context, s Source, from, to int64, take func(*chunk) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := make(chan *fetched, ahead)
	var running sync.WaitGroup
	defer running.Wait() // after cancel
	defer cancel()
	running.Go(func() {
		defer close(queue)
		for at := from; at < to; {
			n := at / torchwood.TileWidth
			end := min(to, (n+1)*torchwood.TileWidth)
			f := &fetched{first: at, ready: make(chan struct{})}
			select {
			case queue <- f: // waits while there is enough
			case <-ctx.Done():
				return
			}
			running.Go(func() {
				defer close(f.ready)
				if f.part, f.err = bundle(ctx, s, n, int(end-n*torchwood.TileWidth)); f.err == nil {
					f.part = f.part[f.first-n*torchwood.TileWidth:]
				}
			})
			at = end
		}
	})
	c := &chunk{first: from}
	bytes := 0
	for f := range queue {
		<-f.ready
		if f.err != nil {
			return f.err
		}
		c.leaves = append(c.leaves, f.part...)
		for _, leaf := range f.part {
			bytes += len(leaf)
		}
		if len(c.leaves) >= chunkEntries || bytes >= chunkBytes || c.end() == to {
			c.hash()
			if err := take(c); err != nil {
				return err
			}
			c, bytes = &chunk{first: c.end()}, 0
		}
	}
	return context.Cause(ctx)
}

// hash computes the leaves' hashes, on all cores.
func (c *chunk) hash() {
	c.hashes = make([][32]byte, len(c.leaves))
	each := max(64, (len(c.leaves)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for from := 0; from < len(c.leaves); from += each {
		wg.Go(func() {
			for i := from; i < min(from+each, len(c.leaves)); i++ {
				copy(c.hashes[i][:], rfc6962.DefaultHasher.HashLeaf(c.leaves[i]))
			}
		})
	}
	wg.Wait()
}

// alteredError says that an entry which was served is not the one in the tree.
type alteredError struct {
	index  int64
	served []byte
	hash   [32]byte // in the tree
}

func (e *alteredError) Error() string {
	return fmt.Sprintf("entry %d as it is served has another hash than in the tree that the log signed", e.index)
}

// sync reads all entries up to a head that continues what was read before. What is read is held against the head's tree, hash by hash,
// before it is judged and committed; so whatever this is interrupted by, nothing of what was committed has to be taken back.
func (l *Log) sync(ctx context.Context, head verify.Head, s Source, t *tiles) error {
	l.mu.Lock()
	from := l.tree.Size()
	l.target = head.Size
	l.show()
	l.mu.Unlock()
	if l.cfg.Progress != nil {
		l.cfg.Progress(l.origin, from, head.Size)
	}
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.target = 0
		l.show()
	}()
	return fetch(ctx, s, from, head.Size, func(c *chunk) error {
		if err := l.take(ctx, head, t, c); err != nil {
			return err
		}
		if l.cfg.Progress != nil {
			l.cfg.Progress(l.origin, c.end(), head.Size)
		}
		return nil
	})
}

// take judges and commits a chunk.
func (l *Log) take(ctx context.Context, head verify.Head, t *tiles, c *chunk) error {
	ids := compact.RangeNodes(uint64(c.first), uint64(c.end()), nil)
	signed, err := t.nodes(head)(ctx, ids) // before the lock: a log that is slow keeps nobody else waiting
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.broken(); err != nil {
		return err
	}
	if err := l.tree.Append(c.hashes); err != nil {
		return l.sane(err)
	}
	if err := l.authenticate(ctx, head, t, c, ids, signed); err != nil {
		l.tree.Cut(c.first)
		return err
	}
	var judged *audit.Judged
	if l.law != nil {
		var err error
		if judged, err = l.law.Judge(ctx, c.leaves); err != nil {
			return l.sane(err) // the audit is half way through the chunk: it goes on from what is on disk, once it is opened anew
		}
		proving, cancel := context.WithTimeout(ctx, l.cfg.EvidenceTime) // for all of them together: l.mu is held
		defer cancel()
		for _, f := range judged.Findings {
			if err := l.unlawful(proving, head, t, c, f); err != nil {
				return l.sane(err)
			}
		}
		if err := l.law.Sync(); err != nil {
			return l.sane(err)
		}
	}
	if err := l.tree.Sync(); err != nil {
		return l.sane(err)
	}
	root, err := l.tree.Root(c.end())
	if err != nil {
		return l.sane(err)
	}
	end := c.end()
	progress := &change{Size: &end, Root: root[:]}
	if l.law != nil {
		changed := l.law.Changed()
		progress.Audit = &changed
		l.metrics.proofs.WithLabelValues(l.origin).Add(float64(judged.Proofs))
	}
	l.metrics.entries.WithLabelValues(l.origin).Add(float64(len(c.leaves)))
	if judged != nil && len(l.cfg.Watches) > 0 {
		if err := l.watch(judged.Entries); err != nil {
			return l.sane(err)
		}
		matches := l.found.Len()
		progress.Matches = &matches
	}
	if err := l.commit(progress); err != nil {
		return l.sane(err)
	}
	l.fresh = l.cfg.Now()
	if l.state.told < l.state.matches {
		l.tell()
	}
	return nil
}

// authenticate holds a chunk, whose hashes were appended to the tree, against nodes of the tree that the log signed.
func (l *Log) authenticate(ctx context.Context, head verify.Head, t *tiles, c *chunk, ids []compact.NodeID, signed [][32]byte) error {
	read, err := l.tree.Nodes(ctx, ids)
	if err != nil {
		return err
	}
	for i := range ids {
		if read[i] != signed[i] {
			return l.altered(ctx, head, t, c, ids[i])
		}
	}
	return nil
}

// altered finds the first entry below a node that is not the one in the tree.
func (l *Log) altered(ctx context.Context, head verify.Head, t *tiles, c *chunk, node compact.NodeID) error {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.EvidenceTime)
	defer cancel()
	begin, end := node.Coverage()
	for from := begin; from < end; from += torchwood.TileWidth {
		var ids []compact.NodeID
		for i := from; i < min(end, from+torchwood.TileWidth); i++ {
			ids = append(ids, compact.NewNodeID(0, i))
		}
		theirs, err := t.nodes(head)(ctx, ids)
		if err != nil {
			return err
		}
		for i, h := range theirs {
			at := int64(from) + int64(i) - c.first
			if c.hashes[at] != h {
				return &alteredError{index: c.first + at, served: c.leaves[at], hash: h}
			}
		}
	}
	return errors.New("the log's tiles contradict each other") // can't be: they were checked against one root
}

// unlawful raises the alarm about an entry, with its receipt: the entry, and the proof that it is in the tree that the log signed. Both
// are files as `attestlog verify` reads them.
func (l *Log) unlawful(ctx context.Context, head verify.Head, t *tiles, c *chunk, f audit.Finding) error {
	kind, about := Kind(f.Rule), fmt.Sprint(f.Index)
	a := Alarm{Detail: fmt.Sprintf("entry %d: %s", f.Index, f.Detail), Index: &f.Index, Sizes: []int64{head.Size}, From: t.source.String()}
	if l.state.count(kind) >= maxAlarms {
		return l.raise(kind, about, a)
	}
	leaf := c.leaves[f.Index-c.first]
	files := []evidence{{".leaf", leaf}}
	hashes, err := prove(ctx, f.Index, head, t.nodes(head))
	if err == nil {
		r := &verify.Receipt{Index: f.Index, Leaf: leaf, Hashes: hashes, Note: head.Note}
		files = append(files, evidence{".tlog-proof", r.TlogProof()})
	} else { // the alarm is more important
		l.log.Warn("couldn't prove an unlawful entry", "log", l.origin, "index", f.Index, "err", err)
		files = append(files, evidence{".note", head.Note})
	}
	return l.raise(kind, about, a, files...)
}

// prove proves that an entry is in a head's tree.
func prove(ctx context.Context, index int64, head verify.Head, nodes verify.Nodes) ([][32]byte, error) {
	path, err := proof.Inclusion(uint64(index), uint64(head.Size))
	if err != nil {
		return nil, err
	}
	found, err := nodes(ctx, path.IDs)
	if err != nil {
		return nil, err
	}
	flat := make([][]byte, len(found))
	for i := range found {
		flat[i] = found[i][:]
	}
	if flat, err = path.Rehash(flat, rfc6962.DefaultHasher.HashChildren); err != nil {
		return nil, err
	}
	hashes := make([][32]byte, len(flat))
	for i := range flat {
		hashes[i] = [32]byte(flat[i])
	}
	return hashes, nil
}
