package gadget

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/gadget/poseidon"
)

// Lookups shows that values stand in tables, for little more than one constraint a
// value. It costs the circuit a commitment, of which there can be only one: make
// one Lookups a circuit, and call [Lookups.Close] once, at the end.
//
// It is the logarithmic derivative argument (https://eprint.iacr.org/2022/1530): as
// rational functions of X,
//
//	Σ_entries 1/(X − entry) = Σ_rows count/(X − row)
//
// holds for some counts exactly if every entry is a row, because no other function has
// the left side's poles. Both sides are compared at one point, which is hashed from a
// commitment to entries, rows and counts and so isn't known when they are chosen. A row
// of two numbers, a key and a value, counts as key + α·value, where α is another
// such point.
//
// gnark has a range check that works the same way. It spends a second constraint on
// each byte, and offers no entries that are field elements.
type Lookups struct {
	api    frontend.API
	hasher *Hasher
	bytes  []frontend.Variable
	pairs  []pairs
}

// pairs are a table of keys, which are constants, with their values, and entries.
type pairs struct {
	keys        []*big.Int
	values      []frontend.Variable // nil: all are 0
	entries     []frontend.Variable
	entryValues []frontend.Variable
}

// NewLookups returns an argument for one circuit.
func NewLookups(api frontend.API, h *Hasher) *Lookups { return &Lookups{api: api, hasher: h} }

// Byte shows that 0 ≤ v < 256. Two constraints where v is an expression; one otherwise.
func (l *Lookups) Byte(v frontend.Variable) { l.bytes = append(l.bytes, v) }

// Bytes writes v in n bytes, least significant first, and so shows that 0 ≤ v < 2^(8n).
// n must be below 32, so that there is one way only to do it. It costs n + 1
// constraints.
func (l *Lookups) Bytes(v frontend.Variable, n int) []frontend.Variable {
	digits := l.Digits(v, n)
	for _, d := range digits {
		l.Byte(d)
	}
	return digits
}

// Digits is Bytes without the proof that each byte is one: the caller has to give it.
// It costs 1 constraint.
func (l *Lookups) Digits(v frontend.Variable, n int) []frontend.Variable {
	if 8*n >= l.api.Compiler().FieldBitLen() {
		panic("gadget: a number of that many bytes wraps around the field")
	}
	digits, err := l.api.NewHint(BytesHint, n, v)
	if err != nil {
		panic(fmt.Sprintf("gadget: couldn't write a number in bytes: %v", err))
	}
	l.api.AssertIsEqual(Pack(l.api, digits, 8), v)
	return digits
}

// In shows that each entry is one of the rows, which are constants. It costs a
// constraint an entry, and two a row.
func (l *Lookups) In(rows []*big.Int, entries []frontend.Variable) {
	l.pairs = append(l.pairs, pairs{keys: rows, entries: entries})
}

// At shows that entry i is values[at[i]]. It costs two constraints an entry, and three a value.
func (l *Lookups) At(values, at, entries []frontend.Variable) {
	keys := make([]*big.Int, len(values))
	for i := range keys {
		keys[i] = big.NewInt(int64(i))
	}
	l.pairs = append(l.pairs, pairs{keys, values, at, entries})
}

// Close commits and states the argument. Nothing may be looked up after it.
func (l *Lookups) Close() {
	keys := make([]*big.Int, 256)
	for i := range keys {
		keys[i] = big.NewInt(int64(i))
	}
	all := append([]pairs{{keys: keys, entries: l.bytes}}, l.pairs...)
	counts := make([][]frontend.Variable, len(all))
	var committed []frontend.Variable
	for i, p := range all {
		if len(p.entries) == 0 {
			continue
		}
		counts[i] = l.count(p)
		for _, list := range [][]frontend.Variable{counts[i], p.values, p.entries, p.entryValues} {
			committed = append(committed, list...)
		}
	}
	committer, ok := l.api.Compiler().(frontend.Committer)
	if !ok {
		panic("gadget: this builder can't commit")
	}
	x, err := committer.Commit(committed...)
	if err != nil {
		panic(fmt.Sprintf("gadget: couldn't commit to what is looked up: %v", err))
	}
	alpha := l.hasher.Node([poseidon.Arity]frontend.Variable{x, 0, 0, 0})
	for i, p := range all {
		if len(p.entries) > 0 {
			l.argue(x, alpha, p, counts[i])
		}
	}
}

// count has the prover say how often each row is looked up.
func (l *Lookups) count(p pairs) []frontend.Variable {
	in := []frontend.Variable{len(p.keys)}
	for _, k := range p.keys {
		in = append(in, k)
	}
	counts, err := l.api.NewHint(CountHint, len(p.keys), append(in, p.entries...)...)
	if err != nil {
		panic(fmt.Sprintf("gadget: couldn't count what is looked up: %v", err))
	}
	return counts
}

func (l *Lookups) argue(x, alpha frontend.Variable, p pairs, counts []frontend.Variable) {
	api := l.api
	inverse := func(key frontend.Variable, values []frontend.Variable, i int) frontend.Variable {
		if values == nil {
			return api.Inverse(api.Sub(x, key))
		}
		return api.Inverse(api.Sub(x, key, api.Mul(alpha, values[i])))
	}
	rows := []frontend.Variable{0, 0} // Add wants at least two
	for i, k := range p.keys {
		rows = append(rows, api.Mul(counts[i], inverse(k, p.values, i)))
	}
	entries := []frontend.Variable{0, 0}
	for i, e := range p.entries {
		entries = append(entries, inverse(e, p.entryValues, i))
	}
	api.AssertIsEqual(api.Add(rows[0], rows[1], rows[2:]...), api.Add(entries[0], entries[1], entries[2:]...))
}

// Hints lists the hints that the circuits' solvers call: whoever solves a circuit that was
// not compiled in the same program registers them.
func Hints() []solver.Hint { return []solver.Hint{BytesHint, CountHint} }

// BytesHint writes its one input in as many bytes as there are outputs, least
// significant first; what doesn't fit is lost.
func BytesHint(_ *big.Int, in, out []*big.Int) error {
	if len(in) != 1 {
		return errors.New("one number is written in bytes at a time")
	}
	rest, mask := new(big.Int).Set(in[0]), big.NewInt(255)
	for _, o := range out {
		o.And(rest, mask)
		rest.Rsh(rest, 8)
	}
	return nil
}

// CountHint counts how often each of n different rows stands among the entries. Its inputs are n, the rows, and
// the entries.
func CountHint(_ *big.Int, in, out []*big.Int) error {
	n := len(out)
	if len(in) < 1+n || !in[0].IsInt64() || in[0].Int64() != int64(n) {
		return errors.New("there must be a count for each row")
	}
	rows := make(map[string]int, n)
	for i, row := range in[1 : 1+n] {
		rows[string(row.Bytes())] = i
	}
	counts := make([]int64, n)
	for _, e := range in[1+n:] {
		if i, ok := rows[string(e.Bytes())]; ok {
			counts[i]++
		}
	}
	for i := range out {
		out[i].SetInt64(counts[i])
	}
	return nil
}
