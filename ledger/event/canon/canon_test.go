package canon_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger/event/canon"
	"github.com/gowebpki/jcs"
	"golang.org/x/text/unicode/norm"
)

// sample is an object with a member of each sort.
type sample struct {
	bytes []byte
	list  []int64
	n     int64
	text  string
	word  string
}

func (s *sample) members(o *canon.Object) {
	o.Bytes("bytes", &s.bytes, 0, 8)
	n := len(s.list)
	o.List("list", &n, 0, 3, func(i int, e *canon.Element) {
		if i == len(s.list) {
			s.list = append(s.list, 0)
		}
		e.Int(&s.list[i], -canon.MaxInt, canon.MaxInt)
	})
	o.Int("n", &s.n, -canon.MaxInt, canon.MaxInt)
	if o.Has("text", s.text != "") {
		o.Text("text", &s.text, 1, 64)
	}
	o.Word("word", &s.word, "a", "b")
}

// What is written is what the JCS library would write, for every character that can stand in a text.
func TestEveryCharacter(t *testing.T) {
	for r := rune(1); r <= 0x10FFFF; r++ {
		s := sample{text: "x" + string(r), word: "a"}
		if r >= 0xD800 && r < 0xE000 || !norm.NFC.IsNormalString(s.text) {
			continue
		}
		if r > 0x3000 && r%251 != 0 {
			continue // all of the low ones, some of the many others
		}
		got, err := canon.Encode(s.members)
		if err != nil {
			t.Fatalf("%U: %v", r, err)
		}
		if want, err := jcs.Transform(got); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%U: %s is not what JCS writes: %s, %v", r, got, want, err)
		}
		var back sample
		if err := canon.Decode(got, back.members); err != nil || back.text != s.text {
			t.Fatalf("%U: read as %q, %v", r, back.text, err)
		}
	}
}

func TestNumbers(t *testing.T) {
	for text, ok := range map[string]bool{
		"0": true, "-1": true, "9007199254740991": true, "-9007199254740991": true,
		"9007199254740992": false, "-9007199254740992": false, "-0": false, "00": false, "+1": false, "1.0": false, "1e3": false,
		"0x1": false, "": false, "-": false, "1-": false, "99999999999999999999999999": false, "NaN": false, "null": false, `"1"`: false,
	} {
		var s sample
		err := canon.Decode([]byte(`{"bytes":"","list":[],"n":`+text+`,"word":"a"}`), s.members)
		if (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestErrorsNameTheMember(t *testing.T) {
	for text, want := range map[string]string{
		`{"bytes":"AA=","list":[],"n":0,"word":"a"}`:                                       "bytes",
		`{"bytes":"","list":[1,2,"3"],"n":0,"word":"a"}`:                                   "list[2]",
		`{"bytes":"","list":[1,2,3,4],"n":0,"word":"a"}`:                                   "list",
		`{"bytes":"","list":[],"n":0,"word":"c"}`:                                          "word",
		`{"bytes":"","list":[],"n":0,"text":"","word":"a"}`:                                "text",
		`{"bytes":"","list":[],"n":0,"text":"` + strings.Repeat("x", 65) + `","word":"a"}`: "text",
		`{"bytes":"","list":[],"word":"a"}`:                                                "n",
		`[]`:                                                                               "",
		``:                                                                                 "",
	} {
		var s sample
		err := canon.Decode([]byte(text), s.members)
		var e *canon.Error
		if !errors.As(err, &e) || e.Path != want {
			t.Errorf("%s: %v, want an error at %q", text, err, want)
		}
	}
}

// What can't be read back must not be written.
func TestEncodeKeepsTheBounds(t *testing.T) {
	for name, s := range map[string]sample{
		"too many bytes":    {bytes: make([]byte, 9), word: "a"},
		"too long a list":   {list: make([]int64, 4), word: "a"},
		"too large":         {n: canon.MaxInt + 1, word: "a"},
		"not NFC":           {text: "e\u0301", word: "a"},
		"broken UTF-8":      {text: "\xff", word: "a"},
		"not in the list":   {word: "c"},
		"element too large": {list: []int64{-canon.MaxInt - 1}, word: "a"},
	} {
		if b, err := canon.Encode(s.members); err == nil {
			t.Errorf("%s: %s", name, b)
		}
	}
}

func TestDescriptionsOutOfOrderPanic(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a description that isn't in canonical order goes unnoticed")
		}
	}()
	var a, b int64
	_, _ = canon.Encode(func(o *canon.Object) { o.Int("b", &b, 0, 1); o.Int("a", &a, 0, 1) })
}

// Whatever decodes is what the JCS library would write, and encodes to the same bytes.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"bytes":"AAE=","list":[1,-2],"n":7,"text":"größe\n\u0001","word":"b"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		var s sample
		if canon.Decode(in, s.members) != nil {
			return
		}
		if !json.Valid(in) {
			t.Fatalf("%q decodes and is no JSON", in)
		}
		if want, err := jcs.Transform(in); err != nil || !bytes.Equal(in, want) {
			t.Fatalf("%q decodes, and JCS would write %q, %v", in, want, err)
		}
		if again, err := canon.Encode(s.members); err != nil || !bytes.Equal(again, in) {
			t.Fatalf("%q encodes to %q, %v", in, again, err)
		}
	})
}

func TestBooleans(t *testing.T) {
	for text, want := range map[string]bool{`{"b":true}`: true, `{"b":false}`: false} {
		var b bool
		members := func(o *canon.Object) { o.Bool("b", &b) }
		if err := canon.Decode([]byte(text), members); err != nil || b != want {
			t.Errorf("%s: read as %t, %v", text, b, err)
		}
		if got, err := canon.Encode(members); err != nil || string(got) != text {
			t.Errorf("%s: written as %s, %v", text, got, err)
		}
	}
	for _, text := range []string{`{"b":1}`, `{"b":"true"}`, `{"b":True}`, `{"b":tru`, `{"b":`, `{"b":truefalse}`, `{"b":null}`, `{}`} {
		var b bool
		if err := canon.Decode([]byte(text), func(o *canon.Object) { o.Bool("b", &b) }); err == nil {
			t.Errorf("%s is read as %t", text, b)
		}
	}
}

func TestClip(t *testing.T) {
	full := strings.Repeat("x", 64)
	for text, want := range map[string]string{
		"": "", full: full, full + "y": full + "…",
		full[1:] + "ü":     full[1:] + "…", // no half characters
		full[1:] + "ü and": full[1:] + "…",
	} {
		if got := canon.Clip(text); got != want {
			t.Errorf("Clip(%q) = %q, want %q", text, got, want)
		}
	}
}
