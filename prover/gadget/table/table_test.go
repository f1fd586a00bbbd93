package table_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"pgregory.net/rapid"

	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
)

var update = flag.Bool("update", false, "write the vectors instead of checking them")

// randomRows draws rows from a seeded generator, so that a failure can be repeated.
func randomRows(seed uint64, n, columns int) []table.Row {
	r := rand.New(rand.NewPCG(seed, 0))
	rows := make([]table.Row, n)
	for i := range rows {
		rows[i].Cells = make([]uint16, columns)
		for j := range rows[i].Cells {
			rows[i].Cells[j] = uint16(r.Uint32())
		}
		rows[i].Consent = r.Uint64()
		binary.BigEndian.PutUint64(rows[i].Salt[:8], r.Uint64())
		binary.BigEndian.PutUint64(rows[i].Salt[8:], r.Uint64())
	}
	return rows
}

func build(t testing.TB, columns int, rows []table.Row) *table.Table {
	t.Helper()
	tab, err := table.Build(context.Background(), columns, rows, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

// vector is one entry of testdata/hash/table.json.
type vector struct {
	Columns int
	Rows    []vectorRow
	Schema  string // SHA-256
	Blocks  []string
	Root    string
	D       string
}

type vectorRow struct {
	Cells   []uint16
	Consent string // 16 hex digits
	Salt    string // 32 hex digits
}

func TestVectors(t *testing.T) {
	file := filepath.Join("..", "..", "..", "testdata", "hash", "table.json")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 4 {
		t.Fatal("vectors are missing")
	}
	for i := range vectors {
		v := &vectors[i]
		var rows []table.Row
		for _, r := range v.Rows {
			row := table.Row{Cells: r.Cells, Consent: binary.BigEndian.Uint64(unhex(t, r.Consent))}
			copy(row.Salt[:], unhex(t, r.Salt))
			rows = append(rows, row)
		}
		tab := build(t, v.Columns, rows)
		got := vector{Columns: v.Columns, Rows: v.Rows, Schema: v.Schema}
		for row := 0; row < len(rows); row += tab.Layout().RowsPerBlock {
			got.Blocks = append(got.Blocks, text(table.HashBlock(tab.Open(row).Block)))
		}
		got.Root = text(tab.Root())
		got.D = text(table.Commitment(tab.Root(), len(rows), [32]byte(unhex(t, v.Schema))))
		if *update {
			*v = got
			continue
		}
		if got.Root != v.Root || got.D != v.D || len(got.Blocks) != len(v.Blocks) {
			t.Errorf("vector %d: got %+v, want %+v", i, got, *v)
		}
		for j := range got.Blocks {
			if got.Blocks[j] != v.Blocks[j] {
				t.Errorf("vector %d: block %d is %s, want %s", i, j, got.Blocks[j], v.Blocks[j])
			}
		}
	}
	if *update {
		b, err := json.MarshalIndent(vectors, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func text(e fr.Element) string {
	b := e.Bytes()
	return hex.EncodeToString(b[:])
}

func TestLayout(t *testing.T) {
	for _, c := range []struct{ columns, elements, rows, block int }{
		{1, 2, 4, 12}, {30, 2, 4, 12}, {31, 6, 2, 14}, {90, 6, 2, 14}, {91, 14, 1, 15}, {210, 14, 1, 15},
	} {
		l, err := table.LayoutFor(c.columns)
		if err != nil || l.CellElements != c.elements || l.RowsPerBlock != c.rows || l.BlockElements() != c.block || l.BlockElements() > poseidon.Rate {
			t.Errorf("%d columns: %+v, %v", c.columns, l, err)
		}
	}
	for _, columns := range []int{-1, 0, 211} {
		if _, err := table.LayoutFor(columns); err == nil {
			t.Errorf("%d columns are accepted", columns)
		}
	}
}

// Every opening leads to its top node, and the top nodes to the root.
func TestOpenings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.SampledFrom([]int{1, 15, 16, 30, 31, 90, 91, 210}).Draw(t, "columns")
		n := rapid.IntRange(1, 70).Draw(t, "rows")
		rows := randomRows(rapid.Uint64().Draw(t, "seed"), n, columns)
		tab, err := table.Build(context.Background(), columns, rows, nil)
		if err != nil {
			t.Fatal(err)
		}
		top := tab.Top()
		if table.RootOf(top) != tab.Root() {
			t.Fatal("the top nodes don't hash to the root")
		}
		i := rapid.IntRange(0, n-1).Draw(t, "row")
		o := tab.Open(i)
		node, at := o.Climb(tab.Layout())
		if node != top[at] {
			t.Fatalf("row %d of %d doesn't lead to top node %d", i, n, at)
		}
		want := make([]fr.Element, 0)
		for e := range tab.Layout().CellElements {
			cells := rows[i].Cells[min(15*e, columns):min(15*(e+1), columns)]
			want = append(want, table.PackCells(cells))
		}
		want = append(want, table.PackSalt(rows[i].Salt, rows[i].Consent))
		for e, got := range o.RowElements(tab.Layout()) {
			if got != want[e] {
				t.Fatalf("element %d of row %d is not the row's", e, i)
			}
		}
		o.Block[0].SetRandom()
		if node, at := o.Climb(tab.Layout()); node == top[at] {
			t.Fatal("another block leads to the same node")
		}
	})
}

// Nodes over rows far apart, up to the last place of the tree, climb to different top nodes.
func TestClimbUsesTheWholeIndex(t *testing.T) {
	tab := build(t, 3, randomRows(1, 9, 3))
	l := tab.Layout()
	for _, c := range []struct{ index, top int }{{0, 0}, {4*4096 - 1, 0}, {4 * 4096, 1}, {l.MaxRows() - 1, table.TopNodes - 1}} {
		o := tab.Open(0)
		o.Index = c.index
		if _, top := o.Climb(l); top != c.top {
			t.Errorf("index %d leads to top node %d, want %d", c.index, top, c.top)
		}
	}
}

func TestPacking(t *testing.T) {
	salt := table.Salt{0: 1, 15: 2}
	e := table.PackSalt(salt, 3)
	if got, want := text(e), "0000000000000000"+"01000000000000000000000000000002"+"0000000000000003"; got != want {
		t.Errorf("salt and consent are %s, want %s", got, want)
	}
	e = table.PackCells([]uint16{0x0102, 0x0304})
	if got, want := text(e)[56:], "03040102"; got != want {
		t.Errorf("cells end in %s, want %s", got, want)
	}
}

func TestBuildRefuses(t *testing.T) {
	rows := randomRows(1, 3, 2)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name    string
		ctx     context.Context
		columns int
		rows    []table.Row
	}{
		{"no rows", context.Background(), 2, nil},
		{"no columns", context.Background(), 0, rows},
		{"a row too short", context.Background(), 3, rows},
		{"more rows than room", context.Background(), 210, make([]table.Row, table.MaxBlocks+1)},
		{"a context that ended", cancelled, 2, rows},
	} {
		if _, err := table.Build(c.ctx, c.columns, c.rows, nil); err == nil {
			t.Errorf("%s: accepted", c.name)
		} else if c.ctx == cancelled && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestProgressEndsAtTheLastRow(t *testing.T) {
	var seen []int
	rows := randomRows(1, 5001, 2)
	if _, err := table.Build(context.Background(), 2, rows, func(done int) { seen = append(seen, done) }); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(seen); i++ {
		if seen[i] <= seen[i-1] && seen[i] != len(rows) {
			t.Errorf("progress goes from %d to %d", seen[i-1], seen[i])
		}
	}
	if len(seen) < 2 || seen[len(seen)-1] != len(rows) {
		t.Errorf("progress was %v", seen)
	}
}

// Two tables that differ in the number of rows only, or in the schema only, have different digests.
func TestCommitmentBindsRowsAndSchema(t *testing.T) {
	root := build(t, 2, randomRows(1, 3, 2)).Root()
	seen := map[fr.Element]bool{}
	for _, rows := range []int{3, 4} {
		for _, schema := range [][32]byte{{}, {0: 1}, {31: 1}} {
			seen[table.Commitment(root, rows, schema)] = true
		}
	}
	if len(seen) != 6 {
		t.Errorf("%d digests of 6 data sets", len(seen))
	}
}

func BenchmarkBuild(b *testing.B) {
	rows := randomRows(1, 100_000, 20)
	for b.Loop() {
		build(b, 20, rows)
	}
	b.ReportMetric(float64(len(rows)*b.N)/b.Elapsed().Seconds(), "rows/s")
}
