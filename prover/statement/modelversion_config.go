package statement

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"golang.org/x/text/unicode/norm"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
)

// Limits of a configuration.
const (
	MaxSettings = 16
	ValueBits   = 53 // a value v is an integer with |v| < 2^53: what JSON can hold exactly
	MaxKey      = 64 // bytes
)

// Setting is one entry of a configuration. What isn't an integer is written as one, as the source documents it: a
// temperature in thousandths, a mode by its number.
type Setting struct {
	Key   string // 1 to 64 bytes of UTF-8 in Normalization Form C, without U+0000
	Value int64
}

// Configuration is the settings under which a model is served, with a salt. The source keeps it, to disclose it to an auditor
// who then compares [Configuration.Commit] with the claims.
type Configuration struct {
	Salt     table.Salt // 128 bits from a cryptographic source, fresh for each event: else equal configurations can be told
	Settings []Setting  // at most 16, no key twice
}

// NewConfiguration returns a configuration with the settings in the order of their keys, or
// an error if they can't be committed.
func NewConfiguration(salt table.Salt, settings ...Setting) (Configuration, error) {
	c := Configuration{Salt: salt, Settings: slices.Clone(settings)}
	slices.SortFunc(c.Settings, func(a, b Setting) int { return strings.Compare(a.Key, b.Key) })
	if len(settings) > MaxSettings {
		return c, fmt.Errorf("%d settings can't be committed: there is room for %d", len(settings), MaxSettings)
	}
	if salt == (table.Salt{}) {
		return c, fmt.Errorf("a configuration can't be committed: %w", ErrNotHidden)
	}
	for i, s := range c.Settings {
		if err := checkKey(s.Key); err != nil {
			return c, err
		}
		if !isValue(s.Value) {
			return c, fmt.Errorf("the value of %q can't be committed: it is not between −2^53 and 2^53", s.Key)
		}
		if i > 0 && s.Key == c.Settings[i-1].Key {
			return c, fmt.Errorf("the key %q stands twice", s.Key)
		}
	}
	return c, nil
}

func checkKey(key string) error {
	if len(key) < 1 || len(key) > MaxKey || !utf8.ValidString(key) || strings.Contains(key, "\x00") || !norm.NFC.IsNormalString(key) {
		return fmt.Errorf("%.64q is no key: it takes 1 to %d bytes of UTF-8 in Normalization Form C, without U+0000", key, MaxKey)
	}
	return nil
}

func isValue(v int64) bool { return -1<<ValueBits < v && v < 1<<ValueBits }

// SettingKey is what a circuit knows a key by: the first 31 bytes of SHA-256("attestlog/setting/v1" ‖ key) as a
// big-endian number.
func SettingKey(key string) fr.Element {
	digest := sha256.Sum256(append([]byte("attestlog/setting/v1"), key...))
	var e fr.Element
	e.SetBytes(digest[:31])
	return e
}

// Commit commits to the configuration: the number of settings, the salt, then for each of 16 slots key and value; a slot without
// setting is the empty setting's tag and zero. There must be at most 16 settings.
func (c Configuration) Commit() event.Element {
	in := make([]fr.Element, 2, 2+2*MaxSettings)
	in[0].SetUint64(uint64(len(c.Settings)))
	in[1] = c.Salt.Element()
	for _, s := range c.Settings {
		in = append(in, SettingKey(s.Key), signed(s.Value))
	}
	for range MaxSettings - len(c.Settings) {
		in = append(in, poseidon.Empty(poseidon.EmptySetting), fr.Element{})
	}
	return fromField(poseidon.Sum(poseidon.Configuration, in...))
}

// signed is a number as an element: below zero it is counted back from the field's order.
func signed(v int64) (e fr.Element) { return *e.SetInt64(v) }

// comparisons are the predicates' comparisons; a predicate's flag number i says that it makes comparison number i.
var comparisons = [...]string{"=", "!=", "<=", ">=", "in"}

// Comparisons is how many comparisons there are to make.
const Comparisons = len(comparisons)

// Predicates are predicates as circuits take them: well-formed by construction, and filled up to eight.
// The zero value is no predicates.
type Predicates struct{ list []predicate }

type predicate struct {
	key        fr.Element
	comparison int
	bounds     [event.MaxSet]int64 // the last one repeated
}

// NewPredicates takes the predicates of claims, or says with a *[RangeError] why no proof could be about them.
func NewPredicates(list []event.Predicate) (Predicates, error) {
	var p Predicates
	if len(list) > event.MaxPredicates {
		return p, rangeError(NotAPredicate, "predicates", "there is room for %d predicates, not %d", event.MaxPredicates, len(list))
	}
	for i, from := range list {
		to := predicate{key: SettingKey(from.Key), comparison: slices.Index(comparisons[:], from.Comparison)}
		switch n := len(from.Bounds); {
		case checkKey(from.Key) != nil:
			return Predicates{}, rangeError(NotAPredicate, "predicates", "number %d: %s", i, checkKey(from.Key))
		case to.comparison < 0:
			return Predicates{}, rangeError(NotAPredicate, "predicates", "number %d: there is no comparison %.8q", i, from.Comparison)
		case n < 1 || n > event.MaxSet || n > 1 && from.Comparison != "in":
			return Predicates{}, rangeError(NotAPredicate, "predicates", "number %d: %q doesn't take %d bounds", i, from.Comparison, n)
		}
		for j := range to.bounds {
			to.bounds[j] = from.Bounds[min(j, len(from.Bounds)-1)]
			if !isValue(to.bounds[j]) {
				return Predicates{}, rangeError(NotAPredicate, "predicates", "number %d: %d is not between −2^53 and 2^53", i, to.bounds[j])
			}
		}
		p.list = append(p.list, to)
	}
	return p, nil
}

// Len is the number of predicates.
func (p Predicates) Len() int { return len(p.list) }

// Flags packs the comparisons: bit 5i + c says that predicate i makes comparison c. Beyond the last predicate all bits are 0.
func (p Predicates) Flags() (flags uint64) {
	for i := range p.list {
		flags |= 1 << (Comparisons*i + p.list[i].comparison)
	}
	return flags
}

// Encode returns the elements that stand for the predicates: the flags, then for each of eight its key and eight bounds. Of a set of
// fewer numbers, and of a single one, the last is repeated; beyond the last predicate all is zero, which
// the flags tell from a predicate.
func (p Predicates) Encode() []fr.Element {
	out := make([]fr.Element, 1+event.MaxPredicates*(1+event.MaxSet))
	out[0].SetUint64(p.Flags())
	for i, q := range p.list {
		at := 1 + i*(1+event.MaxSet)
		out[at] = q.key
		for j, b := range q.bounds {
			out[at+1+j] = signed(b)
		}
	}
	return out
}

// Commit hashes the predicates into one public input.
func (p Predicates) Commit() event.Element {
	return fromField(poseidon.Sum(poseidon.Predicates, p.Encode()...))
}

// holds tells whether a value satisfies the predicate.
func (p *predicate) holds(value int64) bool {
	switch b := p.bounds[0]; comparisons[p.comparison] {
	case "=":
		return value == b
	case "!=":
		return value != b
	case "<=":
		return value <= b
	case ">=":
		return value >= b
	default:
		return slices.Contains(p.bounds[:], value)
	}
}
