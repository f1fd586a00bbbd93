package statement_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

var update = flag.Bool("update", false, "write the vectors instead of checking them")

// dataset makes claims of a data set with so many columns, and the table that they commit to.
func dataset(t *testing.T, columns, rows int) (*event.DatasetClaims, *table.Table) {
	t.Helper()
	c := &event.DatasetClaims{Purposes: []string{"credit-scoring", "audit", "prévention"}, Rows: int64(rows)}
	for j := range columns {
		col := event.Column{Name: fmt.Sprintf("column-%02d", j), Role: event.RoleOther, Coding: event.Coding{Integer: &event.IntegerCoding{Min: -int64(j), Max: 1000}}}
		if j%3 == 1 {
			col.Role, col.Coding = event.RoleQuasi, event.Coding{Category: &event.CategoryCoding{Labels: []string{"männlich", "weiblich"}}}
		}
		c.Columns = append(c.Columns, col)
	}
	list := make([]table.Row, rows)
	for i := range list {
		list[i] = table.Row{Cells: make([]uint16, columns), Consent: 0b011, Salt: table.Salt{byte(i), 1}}
		for j := range list[i].Cells {
			list[i].Cells[j] = uint16(100*i + j)
		}
	}
	tab, err := table.Build(context.Background(), columns, list, nil)
	if err != nil {
		t.Fatal(err)
	}
	root := tab.Root()
	c.Root = root.Bytes()
	return c, tab
}

// events resolves digests.
type events map[event.Digest]*event.Event

var errUnknown = errors.New("no such event")

func (e events) Event(d event.Digest) (*event.Event, error) {
	if found, ok := e[d]; ok {
		return found, nil
	}
	return nil, errUnknown
}

var dataDigest, sourceDigest = event.Digest{1}, event.Digest{2}

func access(c *event.DatasetClaims) (*event.Event, *event.DataAccessClaims, events) {
	claims := &event.DataAccessClaims{
		Accesses: event.Element{31: 9}, Columns: []string{"column-00", "column-02"}, Dataset: dataDigest, Purpose: "audit", Records: 3,
	}
	e := &event.Event{Log: "log.example", Proof: event.ProofInline, Statement: event.Digest{7}, Claims: claims}
	return e, claims, events{
		dataDigest:   {Claims: c},
		sourceDigest: {Claims: &event.SourceClaims{}},
	}
}

func TestPublicOfDataAccess(t *testing.T) {
	c, tab := dataset(t, 5, 8)
	e, claims, refs := access(c)
	digest := event.Digest{5}
	d := table.Commitment(tab.Root(), 8, statement.SchemaDigest(c))
	want := []event.Element{
		event.Context("log.example", event.Digest{7}, digest),
		d.Bytes(),
		{31: 2},     // audit is purpose 1
		{31: 0b101}, // columns 0 and 2
		{31: 3},
		claims.Accesses,
	}
	for _, name := range []string{"data-access-16", "data-access-64"} {
		s, err := statement.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Public(e, digest, refs)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, want)
		}
		if len(got) != len(s.Inputs) {
			t.Errorf("%s: %d inputs, and %d names", name, len(got), len(s.Inputs))
		}
	}
	if got, err := statement.Public(e, digest, refs); err != nil || !slices.Equal(got, want) {
		t.Errorf("of any class: got %v, %v, want %v", got, err, want)
	}
}

// Every input depends on what it is derived from, and on nothing else that the event says.
func TestPublicFollowsTheEntries(t *testing.T) {
	c, _ := dataset(t, 5, 8)
	s, err := statement.ByName("data-access-16")
	if err != nil {
		t.Fatal(err)
	}
	public := func(change func(e *event.Event, a *event.DataAccessClaims, c *event.DatasetClaims, digest *event.Digest)) []event.Element {
		set := *c
		set.Columns, set.Purposes = slices.Clone(c.Columns), slices.Clone(c.Purposes)
		e, claims, refs := access(&set)
		digest := event.Digest{5}
		change(e, claims, &set, &digest)
		got, err := s.Public(e, digest, refs)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	type change = func(e *event.Event, a *event.DataAccessClaims, c *event.DatasetClaims, digest *event.Digest)
	before := public(func(*event.Event, *event.DataAccessClaims, *event.DatasetClaims, *event.Digest) {})
	for _, tc := range []struct {
		name    string
		change  change
		changed []int // inputs, from 0
	}{
		{"nothing", func(*event.Event, *event.DataAccessClaims, *event.DatasetClaims, *event.Digest) {}, nil},
		{"another event", func(_ *event.Event, _ *event.DataAccessClaims, _ *event.DatasetClaims, d *event.Digest) { d[0]++ }, []int{0}},
		{"another log", func(e *event.Event, _ *event.DataAccessClaims, _ *event.DatasetClaims, _ *event.Digest) {
			e.Log = "other"
		}, []int{0}},
		{"another circuit", func(e *event.Event, _ *event.DataAccessClaims, _ *event.DatasetClaims, _ *event.Digest) {
			e.Statement[0]++
		}, []int{0}},
		{"the purpose", func(_ *event.Event, a *event.DataAccessClaims, _ *event.DatasetClaims, _ *event.Digest) {
			a.Purpose = "credit-scoring"
		}, []int{2}},
		{"the source's own purpose", func(e *event.Event, _ *event.DataAccessClaims, _ *event.DatasetClaims, _ *event.Digest) {
			e.Purpose = "credit-scoring"
		}, nil},
		{"the columns", func(_ *event.Event, a *event.DataAccessClaims, _ *event.DatasetClaims, _ *event.Digest) {
			a.Columns = []string{"column-04"}
		}, []int{3}},
		{"the records", func(_ *event.Event, a *event.DataAccessClaims, _ *event.DatasetClaims, _ *event.Digest) {
			a.Records = 8
		}, []int{4}},
		{"the list", func(_ *event.Event, a *event.DataAccessClaims, _ *event.DatasetClaims, _ *event.Digest) {
			a.Accesses[31]++
		}, []int{5}},
		{"the data set's root", func(_ *event.Event, _ *event.DataAccessClaims, c *event.DatasetClaims, _ *event.Digest) {
			c.Root[31] ^= 1
		}, []int{1}},
		{"the data set's rows", func(_ *event.Event, _ *event.DataAccessClaims, c *event.DatasetClaims, _ *event.Digest) { c.Rows++ }, []int{1}},
		{"a column's role", func(_ *event.Event, _ *event.DataAccessClaims, c *event.DatasetClaims, _ *event.Digest) {
			c.Columns[3].Role = event.RoleDirect
		}, []int{1}},
		{"the order of purposes", func(_ *event.Event, _ *event.DataAccessClaims, c *event.DatasetClaims, _ *event.Digest) {
			c.Purposes[0], c.Purposes[1] = c.Purposes[1], c.Purposes[0]
		}, []int{1, 2}},
		{"a column before", func(_ *event.Event, _ *event.DataAccessClaims, c *event.DatasetClaims, _ *event.Digest) {
			c.Columns = slices.Insert(c.Columns, 0, event.Column{Name: "new", Role: event.RoleOther, Coding: event.Coding{Integer: &event.IntegerCoding{}}})
		}, []int{1, 3}},
	} {
		after := public(tc.change)
		var changed []int
		for i := range after {
			if after[i] != before[i] {
				changed = append(changed, i)
			}
		}
		if !slices.Equal(changed, tc.changed) {
			t.Errorf("%s changes inputs %v, want %v", tc.name, changed, tc.changed)
		}
	}
}

func TestPublicRefusesClaimsOutOfRange(t *testing.T) {
	order := event.Element{0: 0x40}
	for _, tc := range []struct {
		code   statement.RangeCode
		member string
		name   string
		change func(a *event.DataAccessClaims, c *event.DatasetClaims)
	}{
		{statement.NotADataset, "dataset", "a source for a data set", func(a *event.DataAccessClaims, _ *event.DatasetClaims) { a.Dataset = sourceDigest }},
		{statement.UnknownPurpose, "purpose", "another purpose", func(a *event.DataAccessClaims, _ *event.DatasetClaims) { a.Purpose = "marketing" }},
		{statement.UnknownPurpose, "purpose", "no purposes", func(_ *event.DataAccessClaims, c *event.DatasetClaims) { c.Purposes = nil }},
		{statement.UnknownColumn, "columns", "another column", func(a *event.DataAccessClaims, _ *event.DatasetClaims) { a.Columns[1] = "column-99" }},
		{statement.ColumnOrder, "columns", "columns out of order", func(a *event.DataAccessClaims, _ *event.DatasetClaims) { slices.Reverse(a.Columns) }},
		{statement.ColumnOrder, "columns", "a column twice", func(a *event.DataAccessClaims, _ *event.DatasetClaims) { a.Columns[1] = a.Columns[0] }},
		{statement.NoColumns, "columns", "no columns", func(a *event.DataAccessClaims, _ *event.DatasetClaims) { a.Columns = nil }},
		{statement.TooManyColumns, "dataset", "31 columns", func(_ *event.DataAccessClaims, c *event.DatasetClaims) {
			for len(c.Columns) < 31 {
				c.Columns = append(c.Columns, event.Column{Name: fmt.Sprint(len(c.Columns))})
			}
		}},
		{statement.NoRecords, "records", "no records", func(a *event.DataAccessClaims, _ *event.DatasetClaims) { a.Records = 0 }},
		{statement.NoRecords, "records", "fewer than none", func(a *event.DataAccessClaims, _ *event.DatasetClaims) { a.Records = -1 }},
		{statement.TooManyRecords, "records", "17 records", func(a *event.DataAccessClaims, c *event.DatasetClaims) { a.Records, c.Rows = 17, 100 }},
		{statement.MoreThanRows, "records", "more records than rows", func(a *event.DataAccessClaims, _ *event.DatasetClaims) { a.Records = 9 }},
		{statement.TooManyRows, "dataset", "no rows", func(_ *event.DataAccessClaims, c *event.DatasetClaims) { c.Rows = 0 }},
		{statement.TooManyRows, "dataset", "more rows than room", func(_ *event.DataAccessClaims, c *event.DatasetClaims) { c.Rows = 1<<20 + 1 }},
		{statement.NotAFieldElement, "accesses", "a list beyond the field", func(a *event.DataAccessClaims, _ *event.DatasetClaims) { a.Accesses = order }},
		{statement.NotAFieldElement, "dataset", "a root beyond the field", func(_ *event.DataAccessClaims, c *event.DatasetClaims) { c.Root = order }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, _ := dataset(t, 5, 8)
			e, claims, refs := access(c)
			tc.change(claims, c)
			s, err := statement.ByName("data-access-16")
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Public(e, event.Digest{5}, refs)
			var r *statement.RangeError
			if !errors.As(err, &r) || r.Code != tc.code || r.Member != tc.member || !strings.Contains(r.Error(), tc.member+": ") {
				t.Errorf("got %v, want %s in %s", err, tc.code, tc.member)
			}
		})
	}
}

func TestPublicRefusesOtherEvents(t *testing.T) {
	c, _ := dataset(t, 5, 8)
	s, err := statement.ByName("data-access-16")
	if err != nil {
		t.Fatal(err)
	}
	e, claims, refs := access(c)
	var r *statement.RangeError
	e.Claims = &event.SealClaims{}
	if _, err := s.Public(e, event.Digest{}, refs); !errors.As(err, &r) || r.Code != statement.WrongKind {
		t.Errorf("another kind: got %v", err)
	}
	if _, err := statement.Public(e, event.Digest{}, refs); !errors.As(err, &r) || r.Code != statement.WrongKind {
		t.Errorf("a kind without statement: got %v", err)
	}
	e.Claims, claims.Dataset = claims, event.Digest{99}
	if _, err := s.Public(e, event.Digest{}, refs); !errors.Is(err, errUnknown) || errors.As(err, &r) && r.Code != statement.WrongKind {
		t.Errorf("an unknown data set: got %v, want the resolver's error", err)
	}
	e.Statement = event.Digest{}
	if _, err := s.Public(e, event.Digest{}, refs); err == nil {
		t.Error("an event that names no statement has public inputs")
	}
}

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range statement.All() {
		if seen[s.Name] || s.Shows == "" || len(s.NotShown) == 0 || s.Inputs[0] != "context" || !s.Proves.Provable() {
			t.Errorf("statement %q is not as a statement must be: %+v", s.Name, s)
		}
		seen[s.Name] = true
		if got, err := statement.ByName(s.Name); err != nil || got.Capacity != s.Capacity {
			t.Errorf("%s can't be found: %v", s.Name, err)
		}
	}
	if _, err := statement.ByName("data-access-17"); err == nil {
		t.Error("a statement that doesn't exist is found")
	}
	for records, want := range map[int]string{1: "data-access-16", 16: "data-access-16", 17: "data-access-64", 64: "data-access-64"} {
		if s, err := statement.Fitting(event.DataAccess, records); err != nil || s.Name != want {
			t.Errorf("%d records: %s, %v, want %s", records, s.Name, err, want)
		}
	}
	if _, err := statement.Fitting(event.DataAccess, 65); err == nil {
		t.Error("a statement has room for 65 records")
	}
	if _, err := statement.Fitting(event.Seal, 1); err == nil {
		t.Error("there is a statement about seals")
	}
}

// vectors is testdata/hash/statement.json.
type vectors struct {
	Dataset  string // a canonical payload with the claims of a data set
	Schema   string // its schema digest
	D        string
	Capacity int
	Salt     string
	Accesses []struct {
		Index int
		Cells []uint16
	}
	Commitment string
}

func TestVectors(t *testing.T) {
	file := filepath.Join("..", "..", "testdata", "hash", "statement.json")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []vectors
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 2 {
		t.Fatal("vectors are missing")
	}
	for i := range all {
		v := &all[i]
		e, err := event.Decode([]byte(v.Dataset))
		if err != nil {
			t.Fatal(err)
		}
		c, ok := e.Claims.(*event.DatasetClaims)
		if !ok {
			t.Fatalf("vector %d is no data set", i)
		}
		d, err := statement.Dataset(c)
		if err != nil {
			t.Fatal(err)
		}
		salt, err := hex.DecodeString(v.Salt)
		if err != nil {
			t.Fatal(err)
		}
		var list []statement.Access
		for _, a := range v.Accesses {
			list = append(list, statement.Access{Index: a.Index, Cells: a.Cells})
		}
		commitment, err := statement.CommitAccesses(v.Capacity, table.Salt(salt), list)
		if err != nil {
			t.Fatal(err)
		}
		got := [3]string{statement.SchemaDigest(c).String(), d.String(), commitment.String()}
		if *update {
			v.Schema, v.D, v.Commitment = got[0], got[1], got[2]
		}
		if want := [3]string{v.Schema, v.D, v.Commitment}; got != want {
			t.Errorf("vector %d: got %v, want %v", i, got, want)
		}
	}
	if *update {
		b, err := json.MarshalIndent(all, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSchemaDigestTellsSchemasApart(t *testing.T) {
	seen := map[event.Digest]string{}
	for name, c := range map[string]*event.DatasetClaims{
		"one column":           {Columns: []event.Column{{Name: "ab"}}},
		"its name cut in two":  {Columns: []event.Column{{Name: "a"}, {Name: "b"}}},
		"a purpose":            {Columns: []event.Column{{Name: "ab"}}, Purposes: []string{"p"}},
		"a role":               {Columns: []event.Column{{Name: "ab", Role: event.RoleQuasi}}},
		"integers":             {Columns: []event.Column{{Name: "ab", Coding: event.Coding{Integer: &event.IntegerCoding{}}}}},
		"other integers":       {Columns: []event.Column{{Name: "ab", Coding: event.Coding{Integer: &event.IntegerCoding{Min: -1}}}}},
		"more integers":        {Columns: []event.Column{{Name: "ab", Coding: event.Coding{Integer: &event.IntegerCoding{Max: 1}}}}},
		"labels":               {Columns: []event.Column{{Name: "ab", Coding: event.Coding{Category: &event.CategoryCoding{Labels: []string{"xy"}}}}}},
		"a label cut in two":   {Columns: []event.Column{{Name: "ab", Coding: event.Coding{Category: &event.CategoryCoding{Labels: []string{"x", "y"}}}}}},
		"a label as a purpose": {Columns: []event.Column{{Name: "ab", Coding: event.Coding{Category: &event.CategoryCoding{Labels: []string{"x"}}}}}, Purposes: []string{"y"}},
	} {
		d := statement.SchemaDigest(c)
		if other, ok := seen[d]; ok {
			t.Errorf("%s and %s have the same digest", name, other)
		}
		seen[d] = name
	}
}

func TestWitness(t *testing.T) {
	c, tab := dataset(t, 5, 8)
	schema := statement.SchemaDigest(c)
	w, err := statement.NewDataAccessWitness(tab, schema, table.Salt{7}, 1, 2, 7)
	if err != nil {
		t.Fatal(err)
	}
	list, err := w.List(0b101)
	if err != nil {
		t.Fatal(err)
	}
	if a := list[1]; a.Index != 2 || a.Cells[0] != 200 || a.Cells[1] != 0 || a.Cells[2] != 202 || a.Cells[3] != 0 {
		t.Errorf("the second access is %+v", a)
	}
	direct, err := w.Accesses(16, 0b101)
	if err != nil {
		t.Fatal(err)
	}
	disclosed, err := statement.CommitAccesses(16, table.Salt{7}, list)
	if err != nil || disclosed != direct {
		t.Errorf("the disclosed list commits to %s, %v, want %s", disclosed, err, direct)
	}
	if other, err := w.Accesses(64, 0b101); err != nil || other == direct {
		t.Errorf("another class has the same commitment: %v", err)
	}
	for name, rows := range map[string][]int{"out of order": {2, 1}, "twice": {1, 1}, "beyond the end": {8}, "below 0": {-1}} {
		if _, err := statement.NewDataAccessWitness(tab, schema, table.Salt{}, rows...); err == nil {
			t.Errorf("rows %s are opened", name)
		}
	}
	if _, err := w.Accesses(2, 0b101); err == nil {
		t.Error("three accesses are committed in two slots")
	}
	for name, a := range map[string]statement.Access{"below 0": {Index: -1}, "beyond the tree": {Index: 1 << 20}, "too wide": {Cells: make([]uint16, 31)}} {
		if _, err := statement.CommitAccesses(16, table.Salt{}, []statement.Access{a}); err == nil {
			t.Errorf("an access %s is committed", name)
		}
	}
	_, wide := dataset(t, 31, 8)
	if _, err := statement.NewDataAccessWitness(wide, schema, table.Salt{}, 1); err == nil {
		t.Error("a table of 31 columns is opened")
	}
}
