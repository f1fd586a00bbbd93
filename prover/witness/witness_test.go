package witness_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/witness"
)

var update = flag.Bool("update", false, "write the vectors instead of checking them")

// small is a witness of each kind that is as small as it can be, for vectors that a person can read.
func small(t testing.TB) map[string]statement.Witness {
	t.Helper()
	build := func(columns, rows int) *table.Table {
		list := make([]table.Row, rows)
		for i := range list {
			list[i] = table.Row{Cells: make([]uint16, columns), Consent: 1 << 3, Salt: table.Salt{15: byte(i)}}
			for j := range list[i].Cells {
				list[i].Cells[j] = uint16(i + j)
			}
		}
		built, err := table.Build(context.Background(), columns, list, nil)
		if err != nil {
			t.Fatal(err)
		}
		return built
	}
	schema := event.DigestOf([]byte("schema"))
	data := build(3, 5)
	access, err := statement.NewDataAccessWitness(data, schema, table.Salt{1, 2}, 1, 4)
	if err != nil {
		t.Fatal(err)
	}
	class, err := statement.ByName("training-step-32x32")
	if err != nil {
		t.Fatal(err)
	}
	recipe := &statement.Recipe{Columns: 3, Label: 2, Positive: 3, LearningRate: 1 << 13, L2: 5}
	recipe.Features[0] = statement.Scaling{Scale: 1 << 10, Offset: -1 << 15}
	step, err := statement.NewTrainingStepWitness(class, data, schema, recipe, statement.SaltedWeights{Weights: statement.Weights{-7, 8}, Salt: table.Salt{3}}, table.Salt{4}, 2, 2, 0)
	if err != nil {
		t.Fatal(err)
	}
	approval, err := statement.Approve([]statement.ModelRelease{{Weights: event.Element{31: 1}, Salt: table.Salt{5}}, {Weights: event.Element{31: 2}, Salt: table.Salt{6}}})
	if err != nil {
		t.Fatal(err)
	}
	release, err := approval.Open(1)
	if err != nil {
		t.Fatal(err)
	}
	configuration, err := statement.NewConfiguration(table.Salt{7}, statement.Setting{Key: "größe", Value: -1}, statement.Setting{Key: "mode", Value: 1<<53 - 1})
	if err != nil {
		t.Fatal(err)
	}
	chunks, hierarchy := build(4, 6), new(statement.Hierarchy)
	hierarchy[0][1], hierarchy[5][127] = 2, 255
	anonymized, err := statement.NewAnonymizationWitness(chunks, build(4, 6), schema, schema, hierarchy, []bool{true, false, true, true, true, false}, 4, 1)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]statement.Witness{
		"data-access":   access,
		"training-step": step,
		"model-version": &statement.ModelVersionWitness{Release: release, Salt: table.Salt{8}, Configuration: configuration},
		"anonymization": anonymized,
	}
}

// vector is an entry of testdata/witness/vectors.json.
type vector struct {
	Name     string
	Bytes    int
	SHA256   string
	Encoding string `json:",omitempty"` // in hex, of small ones
}

func vectorOf(t *testing.T, name string, w statement.Witness, whole bool) vector {
	t.Helper()
	b, err := witness.Encode(w)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(b)
	v := vector{Name: name, Bytes: len(b), SHA256: hex.EncodeToString(digest[:])}
	if whole {
		v.Encoding = hex.EncodeToString(b)
	}
	return v
}

// The bytes are a format that files and sealed witnesses have: they never change.
func TestVectors(t *testing.T) {
	var got []vector
	for _, name := range []string{"data-access", "training-step", "model-version", "anonymization"} {
		got = append(got, vectorOf(t, name, small(t)[name], true))
	}
	for _, s := range statement.All() {
		got = append(got, vectorOf(t, s.Name, sample(t, s), false))
	}
	file := filepath.Join("..", "..", "testdata", "witness", "vectors.json")
	b, err := json.MarshalIndent(got, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, '\n')
	if *update {
		if err := os.WriteFile(file, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, want) {
		t.Errorf("got\n%s\nwant\n%s", b, want)
	}
}

// The model version's bytes by hand, from SPEC.md alone.
func TestModelVersionByHand(t *testing.T) {
	w := small(t)["model-version"].(*statement.ModelVersionWitness)
	var b bytes.Buffer
	b.WriteString("attestlog-witness/v1 model-version\n")
	b.Write(w.Release.Weights[:])
	b.Write(w.Release.Salt[:])
	b.Write([]byte{0, 1}) // place
	for _, level := range w.Release.Siblings {
		for _, s := range level {
			e := s.Bytes()
			b.Write(e[:])
		}
	}
	b.Write(w.Salt[:])
	b.Write(w.Configuration.Salt[:])
	b.Write([]byte{0, 2})
	b.WriteString("\x07größe\xff\xff\xff\xff\xff\xff\xff\xff")
	b.WriteString("\x04mode\x00\x1f\xff\xff\xff\xff\xff\xff")
	got, err := witness.Encode(w)
	if err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("got %x, %v\nwant %x", got, err, b.Bytes())
	}
}

// What is decoded is what was encoded, in every class and however its members are changed.
func TestRoundTrip(t *testing.T) {
	all := small(t)
	for _, s := range statement.All() {
		all[s.Name] = sample(t, s)
	}
	for name, w := range all {
		t.Run(name, func(t *testing.T) {
			b, err := witness.Encode(w)
			if err != nil {
				t.Fatal(err)
			}
			if len(b) > witness.MaxBytes/4 {
				t.Errorf("it takes %d bytes: too near to the limit", len(b))
			}
			same(t, w, b)
			begin := bytes.IndexByte(b, '\n') + 1
			rapid.Check(t, func(t *rapid.T) {
				changed := bytes.Clone(b)
				for range rapid.IntRange(1, 3).Draw(t, "changes") {
					changed[rapid.IntRange(begin, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
				}
				decoded, err := witness.Decode(changed)
				if err != nil {
					if !errors.Is(err, witness.ErrMalformed) {
						t.Fatalf("the error is %v", err)
					}
					return
				}
				same(t, decoded, changed)
			})
		})
	}
}

// failer is of what *testing.T and *rapid.T have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// same checks that w is what b encodes.
func same(t failer, w statement.Witness, b []byte) {
	t.Helper()
	decoded, err := witness.Decode(b)
	if err != nil {
		t.Fatalf("couldn't decode what was encoded: %v", err)
	}
	if !reflect.DeepEqual(decoded, w) {
		t.Fatalf("another witness is decoded: %s", cmp.Diff(w, decoded))
	}
	again, err := witness.Encode(decoded)
	if err != nil || !bytes.Equal(again, b) {
		t.Fatalf("encoded once more it differs: %v", err)
	}
}

// Every beginning of a witness, and every one with something behind it, is malformed.
func TestDecodeWholeWitnessesOnly(t *testing.T) {
	for name, w := range small(t) {
		b, err := witness.Encode(w)
		if err != nil {
			t.Fatal(err)
		}
		for n := range b {
			if _, err := witness.Decode(b[:n]); !errors.Is(err, witness.ErrMalformed) {
				t.Fatalf("%s: of the first %d bytes of %d Decode says %v", name, n, len(b), err)
			}
		}
		if _, err := witness.Decode(append(b, 0)); !errors.Is(err, witness.ErrMalformed) {
			t.Errorf("%s: of a byte too many Decode says %v", name, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	encoded := func(kind string) []byte {
		b, err := witness.Encode(small(t)[kind])
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	members := func(kind string) int { return len("attestlog-witness/v1 \n") + len(kind) }
	put := func(kind string, at int, with ...byte) []byte {
		b := encoded(kind)
		copy(b[members(kind)+at:], with)
		return b
	}
	beyond := bytes.Repeat([]byte{0xff}, 32)
	for name, b := range map[string][]byte{
		"nothing":                         nil,
		"another version":                 bytes.Replace(encoded("data-access"), []byte("/v1"), []byte("/v2"), 1),
		"another kind":                    bytes.Replace(encoded("data-access"), []byte("data-access"), []byte("approval"), 1),
		"one kind called another":         bytes.Replace(encoded("data-access"), []byte("data-access"), []byte("model-version"), 1),
		"too long":                        append(encoded("data-access"), make([]byte, witness.MaxBytes)...),
		"a node beyond the field":         put("data-access", 4+32, beyond...),
		"more records than there are":     put("data-access", 4+32+64*32+16, 0, 3),
		"more records than there may be":  put("data-access", 4+32+64*32+16, 4, 1),
		"top nodes two levels down":       put("training-step", 4+32, 2),
		"top nodes five levels down":      put("training-step", 4+32, 5),
		"no columns":                      put("training-step", 4+32+1+64*32, 0, 0),
		"the label beyond the columns":    put("training-step", 4+32+1+64*32, 3, 3),
		"more columns than there may be":  put("training-step", 4+32+1+64*32, 65),
		"wide rows, told to be narrow":    put("training-step", 4+32+1+64*32, 31),
		"weights beyond the field":        put("model-version", 0, beyond...),
		"a place beyond the tree":         put("model-version", 48, 4, 0),
		"17 settings":                     put("model-version", 50+15*32+32, 0, 17),
		"a key of 65 bytes":               put("model-version", 50+15*32+34, 65),
		"an empty key":                    put("model-version", 50+15*32+34, 0),
		"a key with a zero":               put("model-version", 50+15*32+35, 0),
		"a key that isn't UTF-8":          put("model-version", 50+15*32+35, 0xff),
		"a chunk of five rows":            put("anonymization", 0, 0, 5),
		"a chunk of no rows":              put("anonymization", 0, 0, 0),
		"a chunk that is too large":       put("anonymization", 0, 0x20, 0),
		"more rows than there are":        put("anonymization", 0, 0x10, 0),
		"a row that is kept and kept not": put("anonymization", len(encoded("anonymization"))-members("anonymization")-1, 2),
	} {
		if _, err := witness.Decode(b); !errors.Is(err, witness.ErrMalformed) {
			t.Errorf("of %s Decode says %v", name, err)
		}
	}
}

// unknown is a witness of a kind that a statement could be about one day, and pretender one that says it is of today's.
type (
	unknown   struct{}
	pretender struct{}
)

func (unknown) Proves() event.Kind   { return event.Seal }
func (pretender) Proves() event.Kind { return event.DataAccess }

func TestEncodeRefuses(t *testing.T) {
	for name, w := range misshapen(t) {
		if b, err := witness.Encode(w); err == nil {
			t.Errorf("%s: it is encoded in %d bytes", name, len(b))
		}
	}
	for name, w := range map[string]statement.Witness{"nothing": nil, "a kind without encoding": unknown{}, "a type without encoding": pretender{}} {
		if _, err := witness.Encode(w); err == nil || !strings.HasPrefix(err.Error(), "couldn't encode the witness: ") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
