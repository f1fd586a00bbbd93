package table

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"golang.org/x/sync/errgroup"

	"github.com/attestlog/attestlog/prover/gadget/poseidon"
)

// Table is a committed table: its rows and the tree above them. It is immutable
// and safe for concurrent use.
type Table struct {
	layout Layout
	rows   []Row
	levels [Depth + 1][]fr.Element // levels[0]: blocks; levels[Depth]: the root. Without trailing empty nodes.
}

// batch is the number of nodes that one goroutine hashes at a time: some
// milliseconds of work.
const batch = 256

// Build commits to rows of the given number of columns, on all processors: a
// million rows take some seconds. The rows are kept, not copied. If progress is
// not nil it is told, now and then and never by two goroutines at once, how many
// rows have been hashed. Build returns ctx's error when ctx ends first.
func Build(ctx context.Context, columns int, rows []Row, progress func(done int)) (*Table, error) {
	layout, err := LayoutFor(columns)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 || len(rows) > layout.MaxRows() {
		return nil, fmt.Errorf("a table of %d rows can't be committed: with %d columns there must be 1 to %d", len(rows), columns, layout.MaxRows())
	}
	for i, r := range rows {
		if len(r.Cells) != columns {
			return nil, fmt.Errorf("row %d has %d cells, the table has %d columns", i, len(r.Cells), columns)
		}
	}

	t := &Table{layout: layout, rows: rows}
	t.levels[0] = make([]fr.Element, ceilDiv(len(rows), layout.RowsPerBlock))
	var mu sync.Mutex
	done := 0
	err = inBatches(ctx, len(t.levels[0]), func(from, to int) {
		elements := make([]fr.Element, 0, layout.BlockElements())
		for b := from; b < to; b++ {
			elements = t.appendBlock(elements[:0], b)
			t.levels[0][b] = HashBlock(elements)
		}
		if progress != nil {
			mu.Lock()
			defer mu.Unlock()
			done = min(done+(to-from)*layout.RowsPerBlock, len(rows))
			progress(done)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't hash the table's rows: %w", err)
	}
	for level := 1; level <= Depth; level++ {
		t.levels[level] = make([]fr.Element, ceilDiv(len(t.levels[level-1]), Arity))
		err := inBatches(ctx, len(t.levels[level]), func(from, to int) {
			for i := from; i < to; i++ {
				t.levels[level][i] = poseidon.Node(t.children(level, i))
			}
		})
		if err != nil {
			return nil, fmt.Errorf("couldn't hash the table's tree: %w", err)
		}
	}
	return t, nil
}

// inBatches calls f for disjoint ranges that cover 0 to n, on all processors.
func inBatches(ctx context.Context, n int, f func(from, to int)) error {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for from := 0; from < n; from += batch {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			f(from, min(from+batch, n))
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// HashBlock hashes the elements of one block.
func HashBlock(elements []fr.Element) fr.Element {
	return poseidon.Sum(poseidon.Block, elements...)
}

// appendBlock appends the elements of block b. Rows beyond the last are zeros;
// they need no tag since the number of rows is part of D.
func (t *Table) appendBlock(dst []fr.Element, b int) []fr.Element {
	for i := range t.layout.RowsPerBlock {
		if row := b*t.layout.RowsPerBlock + i; row < len(t.rows) {
			dst = t.layout.appendRow(dst, t.rows[row])
			continue
		}
		for range t.layout.RowElements() {
			dst = append(dst, fr.Element{})
		}
	}
	return dst
}

// emptyNodes[level] is the node over nothing but empty blocks.
var emptyNodes = sync.OnceValue(func() (e [Depth + 1]fr.Element) {
	e[0] = poseidon.Empty(poseidon.EmptyBlock)
	for level := 1; level <= Depth; level++ {
		c := e[level-1]
		e[level] = poseidon.Node([Arity]fr.Element{c, c, c, c})
	}
	return e
})

// node returns the i-th node of a level, counted from the blocks.
func (t *Table) node(level, i int) fr.Element {
	if i < len(t.levels[level]) {
		return t.levels[level][i]
	}
	return emptyNodes()[level]
}

// children returns the four children of the i-th node of a level.
func (t *Table) children(level, i int) (c [Arity]fr.Element) {
	for k := range c {
		c[k] = t.node(level-1, Arity*i+k)
	}
	return c
}

// Layout returns the layout of the table's rows.
func (t *Table) Layout() Layout { return t.layout }

// Len returns the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// Row returns the row with the given index. Its cells are shared, not copied.
func (t *Table) Row(i int) Row { return t.rows[i] }

// Root returns the root of the tree.
func (t *Table) Root() fr.Element { return t.levels[Depth][0] }

// Nodes returns the 4^depth nodes so many levels below the root, left to right. A
// circuit that opens many rows at once shares more levels than [Table.Top] has.
func (t *Table) Nodes(depth int) []fr.Element {
	nodes := make([]fr.Element, 1<<(2*depth))
	for i := range nodes {
		nodes[i] = t.node(Depth-depth, i)
	}
	return nodes
}

// Top returns the 64 nodes three levels below the root, left to right.
func (t *Table) Top() (top [TopNodes]fr.Element) {
	for i := range top {
		top[i] = t.node(PathDepth, i)
	}
	return top
}

// Siblings are the other three children of a node's parent: first the one that
// shares the node's pair (positions 0 and 1, or 2 and 3), then the other pair in
// order. Circuits put them into place with three swaps.
type Siblings [Arity - 1]fr.Element

// Node returns the i-th node of a level, counted from the blocks, level 0, to the root, level
// [Depth]. Nodes over nothing but empty blocks are there too.
func (t *Table) Node(level, i int) fr.Element { return t.node(level, i) }

// Opening shows that a row lies in the table: the elements of its block, and the
// siblings of each node from the block up to, not including, the top nodes.
type Opening struct {
	Index    int // of the row
	Block    []fr.Element
	Siblings [PathDepth]Siblings
}

// Open returns the opening of a row. It panics if there is no such row.
func (t *Table) Open(row int) Opening {
	if row < 0 || row >= len(t.rows) {
		panic(fmt.Sprintf("table: no row %d among %d", row, len(t.rows)))
	}
	at := row / t.layout.RowsPerBlock
	o := Opening{Index: row, Block: t.appendBlock(nil, at)}
	for level := range o.Siblings {
		c := t.children(level+1, at/Arity)
		place := at % Arity
		pair := place&^1 ^ 2
		o.Siblings[level] = Siblings{c[place^1], c[pair], c[pair+1]}
		at /= Arity
	}
	return o
}

// Climb hashes an opening's block and siblings up to the top node that it leads
// to, and returns that node and its number among the 64. The index and the block
// are taken as they are: the caller has checked their ranges.
func (o Opening) Climb(l Layout) (node fr.Element, top int) { return o.ClimbTo(l, TopDepth) }

// ClimbTo climbs like [Opening.Climb], but only to the nodes that lie so many levels below
// the root: [TopDepth] or more.
func (o Opening) ClimbTo(l Layout, depth int) (node fr.Element, top int) {
	at := o.Index / l.RowsPerBlock
	node = HashBlock(o.Block)
	for _, s := range o.Siblings[:Depth-depth] {
		var c [Arity]fr.Element
		place := at % Arity
		pair := place&^1 ^ 2
		c[place], c[place^1], c[pair], c[pair+1] = node, s[0], s[1], s[2]
		node = poseidon.Node(c)
		at /= Arity
	}
	return node, at
}

// RowElements returns the elements of the opened row: its part of the block.
func (o Opening) RowElements(l Layout) []fr.Element {
	from := o.Index % l.RowsPerBlock * l.RowElements()
	return o.Block[from : from+l.RowElements()]
}

// RootOf hashes the top nodes into the root.
func RootOf(top [TopNodes]fr.Element) fr.Element { return RootOver(top[:]) }

// RootOver hashes all nodes of a level, a power of four of them, into the root.
func RootOver(nodes []fr.Element) fr.Element {
	for len(nodes) > 1 {
		parents := make([]fr.Element, len(nodes)/Arity)
		for i := range parents {
			parents[i] = poseidon.Node([Arity]fr.Element(nodes[Arity*i:]))
		}
		nodes = parents
	}
	return nodes[0]
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
