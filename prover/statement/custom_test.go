package statement_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
)

// registration is an imported statement with an input of each type.
func registration() *event.StatementClaims {
	return &event.StatementClaims{Action: event.StatementRegister, Proves: event.Custom, Name: "everything", Setup: event.SetupImported, Shows: "All of it.",
		NotShown: []string{"The rest."}, VerifyingKey: []byte{1}, Inputs: []event.Input{
			{Name: "adult", Type: event.InputBoolean}, {Name: "balance", Type: event.InputInteger, Min: -100, Max: 100}, {Name: "root", Type: event.InputElement},
			{Name: "city", Type: event.InputText}, {Name: "model", Type: event.InputDigest}, {Name: "register", Type: event.InputDataset}}}
}

// everything is an event under it.
func everything() (*event.Event, *event.CustomClaims, statement.Resolver) {
	c := &event.CustomClaims{Inputs: []event.Value{
		{Name: "adult", Type: event.InputBoolean, Boolean: true}, {Name: "balance", Type: event.InputInteger, Integer: -7},
		{Name: "root", Type: event.InputElement, Element: event.Element{31: 9}}, {Name: "city", Type: event.InputText, Text: "Köln"},
		{Name: "model", Type: event.InputDigest, Digest: event.DigestOf([]byte("model"))}, {Name: "register", Type: event.InputDataset, Dataset: event.Digest{1}}}}
	e := &event.Event{Log: "log.example", Proof: event.ProofInline, Statement: event.Digest{2}, Claims: c}
	return e, c, dataOnly{register()}
}

func register() *event.DatasetClaims {
	return &event.DatasetClaims{Columns: []event.Column{{Name: "age", Role: event.RoleQuasi, Coding: event.Coding{Integer: &event.IntegerCoding{Max: 120}}}}, Root: event.Element{31: 5}, Rows: 8}
}

// dataOnly has one data set, as event 1…, and an approval, as event 2….
type dataOnly struct{ data *event.DatasetClaims }

func (d dataOnly) Event(digest event.Digest) (*event.Event, error) {
	switch digest {
	case event.Digest{1}:
		return &event.Event{Claims: d.data}, nil
	case event.Digest{2}:
		return &event.Event{Claims: &event.ApprovalClaims{}}, nil
	}
	return nil, fmt.Errorf("no event %s", digest)
}

// What each type of value becomes, by SPEC.md's words and not by the code's.
func TestImportedPublicInputs(t *testing.T) {
	s, err := statement.Registered(registration())
	if err != nil {
		t.Fatal(err)
	}
	e, _, refs := everything()
	got, err := s.Public(e, event.Digest{3}, refs)
	if err != nil {
		t.Fatal(err)
	}
	element := func(n *big.Int) (x event.Element) { n.FillBytes(x[:]); return x }
	text, model := sha256.Sum256([]byte("attestlog/text/v1Köln")), sha256.Sum256([]byte("model"))
	d, err := statement.Dataset(register())
	if err != nil {
		t.Fatal(err)
	}
	want := []event.Element{
		event.Context("log.example", event.Digest{2}, event.Digest{3}), element(big.NewInt(1)), element(new(big.Int).Sub(fr.Modulus(), big.NewInt(7))),
		element(big.NewInt(9)), element(new(big.Int).SetBytes(text[:31])), element(new(big.Int).SetBytes(model[:16])), element(new(big.Int).SetBytes(model[16:])), d,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if names := strings.Join(s.Inputs, " "); names != "context adult balance root city model[0] model[1] register" {
		t.Errorf("the inputs are named %s", names)
	}
	if !s.Imported() || s.Shows != "All of it." || len(s.NotShown) != 1 {
		t.Errorf("the importer's words are lost: %+v", s)
	}
	for i, x := range got {
		if !x.Valid() {
			t.Errorf("input %d is no number of the field", i)
		}
	}
}

// Each value moves its own inputs and no others.
func TestEveryValueCounts(t *testing.T) {
	s, err := statement.Registered(registration())
	if err != nil {
		t.Fatal(err)
	}
	e, _, refs := everything()
	base, err := s.Public(e, event.Digest{3}, refs)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*event.Event, *event.CustomClaims)
		moves  []int
	}{
		"log":                     {func(e *event.Event, _ *event.CustomClaims) { e.Log = "other" }, []int{0}},
		"statement":               {func(e *event.Event, _ *event.CustomClaims) { e.Statement[5]++ }, []int{0}},
		"boolean":                 {func(_ *event.Event, c *event.CustomClaims) { c.Inputs[0].Boolean = false }, []int{1}},
		"sign":                    {func(_ *event.Event, c *event.CustomClaims) { c.Inputs[1].Integer = 7 }, []int{2}},
		"element":                 {func(_ *event.Event, c *event.CustomClaims) { c.Inputs[2].Element[0]++ }, []int{3}},
		"text":                    {func(_ *event.Event, c *event.CustomClaims) { c.Inputs[3].Text = "Koln" }, []int{4}},
		"first half of a digest":  {func(_ *event.Event, c *event.CustomClaims) { c.Inputs[4].Digest[15]++ }, []int{5}},
		"second half of a digest": {func(_ *event.Event, c *event.CustomClaims) { c.Inputs[4].Digest[16]++ }, []int{6}},
	} {
		e, claims, refs := everything()
		c.change(e, claims)
		got, err := s.Public(e, event.Digest{3}, refs)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i := range base {
			if moved := got[i] != base[i]; moved != slices.Contains(c.moves, i) {
				t.Errorf("%s: input %d (%s) moved: %t", name, i, s.Inputs[i], moved)
			}
		}
	}
}

func TestClaimsMustBeTheSchemas(t *testing.T) {
	s, err := statement.Registered(registration())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*event.Event, *event.CustomClaims)
		code   statement.RangeCode
	}{
		"a value too few": {func(_ *event.Event, c *event.CustomClaims) { c.Inputs = c.Inputs[1:] }, statement.NotTheSchema},
		"a value too many": {func(_ *event.Event, c *event.CustomClaims) {
			c.Inputs = append(c.Inputs, event.Value{Name: "x", Type: event.InputBoolean})
		}, statement.NotTheSchema},
		"another order":     {func(_ *event.Event, c *event.CustomClaims) { c.Inputs[0], c.Inputs[1] = c.Inputs[1], c.Inputs[0] }, statement.NotTheSchema},
		"another name":      {func(_ *event.Event, c *event.CustomClaims) { c.Inputs[0].Name = "minor" }, statement.NotTheSchema},
		"another type":      {func(_ *event.Event, c *event.CustomClaims) { c.Inputs[2].Type = event.InputDigest }, statement.NotTheSchema},
		"above the maximum": {func(_ *event.Event, c *event.CustomClaims) { c.Inputs[1].Integer = 101 }, statement.NotTheSchema},
		"below the minimum": {func(_ *event.Event, c *event.CustomClaims) { c.Inputs[1].Integer = -101 }, statement.NotTheSchema},
		"r as an element":   {func(_ *event.Event, c *event.CustomClaims) { fr.Modulus().FillBytes(c.Inputs[2].Element[:]) }, statement.NotAFieldElement},
		"no data set":       {func(_ *event.Event, c *event.CustomClaims) { c.Inputs[5].Dataset = event.Digest{2} }, statement.NotADataset},
		"an unknown event":  {func(_ *event.Event, c *event.CustomClaims) { c.Inputs[5].Dataset = event.Digest{9} }, ""},
		"another kind":      {func(e *event.Event, _ *event.CustomClaims) { e.Claims = &event.SealClaims{} }, statement.WrongKind},
		"without a proof":   {func(e *event.Event, _ *event.CustomClaims) { e.Statement = event.Digest{} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e, claims, refs := everything()
			c.change(e, claims)
			_, err := s.Public(e, event.Digest{3}, refs)
			var r *statement.RangeError
			if err == nil || errors.As(err, &r) != (c.code != "") || r != nil && r.Code != c.code {
				t.Errorf("got %v, want %q", err, c.code)
			}
		})
	}
	e, _, refs := everything()
	if _, err := statement.Public(e, event.Digest{3}, refs); err == nil {
		t.Error("a custom event has public inputs without its statement")
	}
	builtIn, err := statement.ByName("data-access-16")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := builtIn.Public(e, event.Digest{3}, refs); err == nil {
		t.Error("a custom event has public inputs under a statement about data accesses")
	}
}

func TestRegistered(t *testing.T) {
	own := &event.StatementClaims{Action: event.StatementRegister, Proves: event.DataAccess, Name: "data-access-16"}
	if s, err := statement.Registered(own); err != nil || s.Name != own.Name || s.Imported() {
		t.Errorf("data-access-16 is registered as %+v, %v", s, err)
	}
	digests := func(n int) (list []event.Input) {
		for i := range n {
			list = append(list, event.Input{Name: fmt.Sprint("d", i), Type: event.InputDigest})
		}
		return list
	}
	// Those that there are go by the names that are kept for them, so that those that come will, too.
	for _, s := range statement.All() {
		claims := registration()
		claims.Name = s.Name
		if _, err := statement.Registered(claims); err == nil {
			t.Errorf("another statement is imported as %s", s.Name)
		}
	}
	for name, c := range map[string]struct {
		change func(*event.StatementClaims)
		want   string
	}{
		"a name of our own":          {func(c *event.StatementClaims) { c.Name = "model-version" }, "of attestlog's own"},
		"one that may come":          {func(c *event.StatementClaims) { c.Name = "data-access-256" }, "of attestlog's own, now or later"},
		"a kind":                     {func(c *event.StatementClaims) { c.Name = "training-run" }, "of attestlog's own, now or later"},
		"a kind and more":            {func(c *event.StatementClaims) { c.Name = "model-version-64" }, "of attestlog's own, now or later"},
		"the beginning of a kind":    {func(c *event.StatementClaims) { c.Name = "model" }, ""},
		"a word that begins alike":   {func(c *event.StatementClaims) { c.Name = "sealed-bid" }, ""},
		"another kind than the name": {func(c *event.StatementClaims) { c.Name, c.Proves = "model-version", event.DataAccess }, "proves events of kind model-version"},
		"an unknown name":            {func(c *event.StatementClaims) { c.Proves = event.DataAccess }, "there is no statement named"},
		"a revocation":               {func(c *event.StatementClaims) { c.Action = event.StatementRevoke }, "registers no statement"},
		"127 digests":                {func(c *event.StatementClaims) { c.Inputs = digests(127) }, ""},
		"128 digests":                {func(c *event.StatementClaims) { c.Inputs = digests(128) }, "257 public inputs"},
	} {
		claims := registration()
		c.change(claims)
		if _, err := statement.Registered(claims); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}
