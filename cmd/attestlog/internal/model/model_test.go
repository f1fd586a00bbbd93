package model_test

import (
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/model"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

var (
	salt    = table.Salt{1, 2, 3, 15: 0xff}
	trained = model.Model{Run: event.Digest{9}, Step: 7, Weights: statement.SaltedWeights{Weights: statement.Weights{5, -6, 64: 7}, Salt: salt}}
)

func text(t testing.TB, encode func() ([]byte, error)) string {
	t.Helper()
	b, err := encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func releases(t testing.TB, n int) []statement.ModelRelease {
	t.Helper()
	weights := make([]event.Element, n)
	for i := range weights {
		weights[i] = event.Element{31: byte(i), 30: byte(i >> 8)}
	}
	list, err := statement.NewModelReleases(rand.Reader, weights...)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestModelComesBack(t *testing.T) {
	for _, m := range []model.Model{trained, {Weights: statement.SaltedWeights{Salt: salt}}} {
		got, err := model.Decode([]byte(text(t, m.Encode)))
		if err != nil || *got != m {
			t.Errorf("step %d: got %+v, %v", m.Step, got, err)
		}
	}
}

func TestReleasesComeBack(t *testing.T) {
	for _, n := range []int{1, 2, statement.MaxReleases} {
		want := releases(t, n)
		got, approval, err := model.DecodeReleases([]byte(text(t, func() ([]byte, error) { return model.EncodeReleases(want) })))
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%d releases: %v", n, err)
		}
		if o, err := approval.Find(want[n-1].Weights); err != nil || o.Place != n-1 {
			t.Errorf("the last of %d releases is at %d, %v", n, o.Place, err)
		}
	}
}

// bad are files that no decoder takes, made of one that it takes.
func bad(good string) map[string]string {
	return map[string]string{
		"empty":              "",
		"no JSON":            "{",
		"null":               "null",
		"another format":     strings.Replace(good, "/v1", "/v2", 1),
		"an unknown member":  strings.Replace(good, `{"format"`, `{"more":1,"format"`, 1),
		"another spelling":   strings.Replace(good, `"format"`, `"Format"`, 1),
		"a member twice":     strings.Replace(good, `{"format"`, `{"salt":"00000000000000000000000000000001","format"`, 1),
		"blanks":             strings.Replace(good, `{"format"`, `{ "format"`, 1),
		"something behind":   good + "\n",
		"no line feed":       strings.TrimSuffix(good, "\n"),
		"half":               good[:len(good)/2],
		"no salt":            strings.ReplaceAll(good, "010203000000000000000000000000ff", strings.Repeat("0", 32)),
		"a short salt":       strings.ReplaceAll(good, "010203000000000000000000000000ff", "0102"),
		"a salt in capitals": strings.ReplaceAll(good, "010203000000000000000000000000ff", "010203000000000000000000000000FF"),
		"a salt of letters":  strings.ReplaceAll(good, "010203000000000000000000000000ff", "secretsecretsecretsecretsecretse"),
		"too long":           good + strings.Repeat(" ", model.MaxFile),
	}
}

func TestWhatIsNoFile(t *testing.T) {
	configuration, err := statement.NewConfiguration(salt, statement.Setting{Key: "temperature", Value: 700})
	if err != nil {
		t.Fatal(err)
	}
	withheld := model.Withheld{Weights: event.Element{31: 5}, Salt: salt}
	approved := []statement.ModelRelease{{Weights: event.Element{31: 5}, Salt: salt}}
	for name, f := range map[string]struct {
		good   string
		decode func([]byte) error
		more   func(good string) map[string]string
	}{
		"model": {text(t, trained.Encode), func(b []byte) error { _, err := model.Decode(b); return err }, func(good string) map[string]string {
			return map[string]string{
				"too few weights":     strings.Replace(good, "[5,-6,", "[5,", 1),
				"too many weights":    strings.Replace(good, "[5,-6,", "[5,-6,1,", 1),
				"too large a weight":  strings.Replace(good, "[5,-6,", "[5,2147483648,", 1),
				"a fraction":          strings.Replace(good, "[5,-6,", "[5,0.5,", 1),
				"a step before any":   strings.Replace(good, `"step":7`, `"step":-1`, 1),
				"first weights' step": strings.Replace(good, `"step":7`, `"step":0`, 1),
				"no run":              good[:strings.Index(good, `"run"`)] + good[strings.Index(good, `"step"`):],
				"a run of no digest":  strings.Replace(good, `"run":"09`, `"run":"0g`, 1),
			}
		}},
		"releases": {text(t, func() ([]byte, error) { return model.EncodeReleases(approved) }), func(b []byte) error { _, _, err := model.DecodeReleases(b); return err },
			func(good string) map[string]string {
				one := good[strings.Index(good, "[{")+1 : strings.Index(good, "]")]
				return map[string]string{
					"none":              strings.Replace(good, one, "", 1),
					"a salt twice":      strings.Replace(good, one, one+","+one, 1),
					"no field element":  strings.Replace(good, `"weights":"00`, `"weights":"ff`, 1),
					"more than fit":     strings.Replace(good, one, one+strings.Repeat(","+one, statement.MaxReleases), 1),
					"another's members": strings.Replace(good, `"weights"`, `"model"`, 1),
				}
			}},
		"configuration": {text(t, func() ([]byte, error) { return model.EncodeConfiguration(&configuration) }), func(b []byte) error { _, err := model.DecodeConfiguration(b); return err },
			func(good string) map[string]string {
				return map[string]string{
					"a key twice":       strings.Replace(good, `{"key"`, `{"key":"temperature","value":1},{"key"`, 1),
					"another order":     strings.Replace(good, `{"key"`, `{"key":"zebra","value":1},{"key"`, 1),
					"too large a value": strings.Replace(good, `700`, `9007199254740992`, 1),
					"no key":            strings.Replace(good, `temperature`, ``, 1),
				}
			}},
		"weights": {text(t, withheld.Encode), func(b []byte) error { _, err := model.DecodeWithheld(b); return err }, func(good string) map[string]string {
			return map[string]string{"no field element": strings.Replace(good, `"weights":"00`, `"weights":"ff`, 1)}
		}},
	} {
		if err := f.decode([]byte(f.good)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, cases := range []map[string]string{bad(f.good), f.more(f.good)} {
			for what, b := range cases {
				if b == f.good {
					t.Errorf("%s: %s changes nothing", name, what)
				}
				err := f.decode([]byte(b))
				if err == nil {
					t.Errorf("%s: %s decodes", name, what)
				} else if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "0102") || strings.Contains(err.Error(), "700") {
					t.Errorf("%s: %s: the error quotes a secret: %v", name, what, err)
				}
			}
		}
	}
}

func TestParseConfiguration(t *testing.T) {
	got, err := model.ParseConfiguration([]byte("format: attestlog-configuration/v1\n# thousandths\nsettings:\n  temperature: 700\n  mode: -2\n"))
	want := []statement.Setting{{Key: "temperature", Value: 700}, {Key: "mode", Value: -2}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	const head = "format: attestlog-configuration/v1\nsettings:\n"
	many := head
	for i := range statement.MaxSettings + 1 {
		many += "  key" + strings.Repeat("x", i) + ": 1\n"
	}
	for name, c := range map[string]struct{ text, says string }{
		"empty":                {"", "is empty"},
		"another format":       {"format: attestlog-schema/v1\n", "want `format:"},
		"no mapping":           {"- 1\n", "must be a list of"},
		"an unknown member":    {head + "  a: 1\nmore: 5\n", "no member of this name"},
		"a key twice":          {head + "  a: 1\n  a: 2\n", "line 4"},
		"a member twice":       {head + "  a: 1\nsettings:\n  b: 1\n", "stands in line 2"},
		"a fraction":           {head + "  a: 0.7531\n", `"a" is not an integer`},
		"a word":               {head + "  a: confidential\n", `"a" is not an integer`},
		"a number in quotes":   {head + "  a: \"7531\"\n", `"a" is not an integer`},
		"a hexadecimal number": {head + "  a: 0x7531\n", `"a" is not an integer`},
		"a list":               {head + "  a: [7531]\n", `"a" is not an integer`},
		"an alias":             {head + "  a: &x 7531\n  b: *x\n", `"b" is not an integer`},
		"a merge":              {head + "  <<: {a: 7531}\n", "a key that is no text"},
		"too large":            {head + "  a: 9007199254740992\n", `the value of "a"`},
		"settings of no kind":  {"format: attestlog-configuration/v1\nsettings: 7531\n", "settings must be a list"},
		"too many":             {many, "room for 16"},
		"two documents":        {head + "  a: 1\n---\n", "one YAML document"},
		"too long":             {head + strings.Repeat("# \n", model.MaxConfiguration), "at most"},
		"no YAML":              {"\tformat", "yaml"},
	} {
		_, err := model.ParseConfiguration([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "7531") || strings.Contains(err.Error(), "confidential")) {
			t.Errorf("%s: the error quotes a value: %v", name, err)
		}
	}
}

func TestParsePredicate(t *testing.T) {
	for text, want := range map[string]event.Predicate{
		"temperature<=700": {Key: "temperature", Comparison: "<=", Bounds: []int64{700}},
		" a >= -3 ":        {Key: "a", Comparison: ">=", Bounds: []int64{-3}},
		"a=0":              {Key: "a", Comparison: "=", Bounds: []int64{0}},
		"max tokens != 1":  {Key: "max tokens", Comparison: "!=", Bounds: []int64{1}},
		"mode in {1, 2,3}": {Key: "mode", Comparison: "in", Bounds: []int64{1, 2, 3}},
		"min in in{5}":     {Key: "min in", Comparison: "in", Bounds: []int64{5}},
		"e\u0301cart<=1":   {Key: "\u00e9cart", Comparison: "<=", Bounds: []int64{1}},
	} {
		got, err := model.ParsePredicate(text)
		if err != nil || got.Key != want.Key || got.Comparison != want.Comparison || !slices.Equal(got.Bounds, want.Bounds) {
			t.Errorf("%q: got %+v, %v", text, got, err)
			continue
		}
		again, err := model.ParsePredicate(model.PredicateText(got))
		if err != nil || again.Key != got.Key || again.Comparison != got.Comparison || !slices.Equal(again.Bounds, got.Bounds) {
			t.Errorf("%q: %q reads as %+v, %v", text, model.PredicateText(got), again, err)
		}
	}
	for _, text := range []string{"", "a", "a<5", "a>5", "a==5", "a<=>5", "<=5", "a<=", "a<=x", "a in {}", "a in {1,2,3,4,5,6,7,8,9}", "a in 1", "a<=9007199254740992",
		"a<=1.5", strings.Repeat("k", 65) + "=1", "a=1=2", "a\x00=1"} {
		if p, err := model.ParsePredicate(text); err == nil {
			t.Errorf("%q reads as %+v", text, p)
		}
	}
}

// Each disclosure is checked against the claims that it opens, and against others.
func TestCheck(t *testing.T) {
	configuration, err := statement.NewConfiguration(salt, statement.Setting{Key: "temperature", Value: 700}, statement.Setting{Key: "mode", Value: 2})
	if err != nil {
		t.Fatal(err)
	}
	approved := releases(t, 3)
	approval, err := statement.Approve(approved)
	if err != nil {
		t.Fatal(err)
	}
	withheld := model.Withheld{Weights: trained.Weights.Commit(), Salt: salt}
	served, err := statement.ServedWeights(withheld.Weights, salt)
	if err != nil {
		t.Fatal(err)
	}
	stated := &event.ModelVersionClaims{Configuration: configuration.Commit(), Run: event.Digest{1}, Step: event.Digest{2}, Weights: trained.Weights.Commit()}
	hidden := &event.ModelVersionClaims{Configuration: configuration.Commit(), Weights: served}
	other := event.Element{31: 1}
	files := map[string]string{
		"configuration": text(t, func() ([]byte, error) { return model.EncodeConfiguration(&configuration) }),
		"weights":       text(t, withheld.Encode),
		"model":         text(t, trained.Encode),
		"releases":      text(t, func() ([]byte, error) { return model.EncodeReleases(approved) }),
	}
	for _, c := range []struct {
		file   string
		claims event.Claims
		says   string // "" if it is something else
	}{
		{"configuration", stated, "2 settings"},
		{"configuration", hidden, "2 settings"},
		{"configuration", &event.ModelVersionClaims{Configuration: other}, ""},
		{"configuration", &event.ApprovalClaims{}, ""},
		{"weights", hidden, withheld.Weights.String()},
		{"weights", &event.ModelVersionClaims{Weights: other}, ""},
		{"weights", &event.ModelVersionClaims{Weights: served, Run: event.Digest{1}}, ""},
		{"weights", &event.ApprovalClaims{}, ""},
		{"model", &event.TrainingRunClaims{Weights: trained.Weights.Commit()}, "begins"},
		{"model", &event.TrainingStepClaims{After: trained.Weights.Commit()}, "ends"},
		{"model", stated, "served"},
		{"model", hidden, ""},
		{"model", &event.TrainingStepClaims{Before: trained.Weights.Commit(), After: other}, ""},
		{"model", &event.ApprovalClaims{}, ""},
		{"releases", approval.Claims(), "3"},
		{"releases", &event.ApprovalClaims{Releases: other}, ""},
		{"releases", stated, ""},
	} {
		shown, err := model.Check([]byte(files[c.file]), c.claims)
		if c.says == "" && !errors.Is(err, model.ErrAnother) {
			t.Errorf("%s against another %s: %q, %v", c.file, c.claims.Kind(), shown, err)
		}
		if c.says != "" && (err != nil || !strings.Contains(shown, c.says)) {
			t.Errorf("%s against %s: %q, %v", c.file, c.claims.Kind(), shown, err)
		}
	}
	for _, b := range []string{"", "{}", `{"format":"attestlog-receipt/v1"}`, strings.Repeat(" ", model.MaxFile+1)} {
		if _, err := model.Check([]byte(b), stated); err == nil || errors.Is(err, model.ErrAnother) {
			t.Errorf("%.20q: %v", b, err)
		}
	}
	for name, b := range files {
		if _, err := model.Check([]byte(b[:len(b)-1]), stated); err == nil || errors.Is(err, model.ErrAnother) {
			t.Errorf("a damaged file of %s: %v", name, err)
		}
	}
}

func FuzzCheck(f *testing.F) {
	configuration, err := statement.NewConfiguration(salt, statement.Setting{Key: "temperature", Value: 700})
	if err != nil {
		f.Fatal(err)
	}
	withheld := model.Withheld{Weights: event.Element{31: 5}, Salt: salt}
	for _, seed := range []string{
		text(f, trained.Encode), text(f, withheld.Encode), text(f, func() ([]byte, error) { return model.EncodeConfiguration(&configuration) }),
		text(f, func() ([]byte, error) {
			return model.EncodeReleases([]statement.ModelRelease{{Weights: event.Element{31: 5}, Salt: salt}})
		}),
	} {
		f.Add([]byte(seed))
	}
	claims := []event.Claims{&event.ModelVersionClaims{}, &event.ApprovalClaims{}, &event.TrainingStepClaims{}}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, c := range claims { // nothing opens commitments of zero
			if shown, err := model.Check(b, c); err == nil {
				t.Errorf("%q opens a commitment of zero: %s", b, shown)
			}
		}
	})
}

func FuzzParseConfiguration(f *testing.F) {
	f.Add([]byte("format: attestlog-configuration/v1\nsettings: {temperature: 700}\n"))
	f.Add([]byte("format: attestlog-configuration/v1\nsettings: {a: &x 1, b: *x}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		settings, err := model.ParseConfiguration(b)
		if err != nil {
			return
		}
		if _, err := statement.NewConfiguration(salt, settings...); err != nil {
			t.Errorf("what is parsed can't be committed: %v", err)
		}
	})
}

func FuzzParsePredicate(f *testing.F) {
	f.Add("temperature<=700")
	f.Add("mode in {1,2}")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := model.ParsePredicate(text)
		if err != nil {
			return
		}
		if again, err := model.ParsePredicate(model.PredicateText(p)); err != nil || again.Key != p.Key || again.Comparison != p.Comparison || !slices.Equal(again.Bounds, p.Bounds) {
			t.Errorf("%q reads as %+v, then as %+v, %v", text, p, again, err)
		}
	})
}
