package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
)

func TestCutBatch(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want []string
		err  string
	}{
		"one":              {`{"events":[{}]}`, []string{`{}`}, ""},
		"several":          {`{"events":[{"a":"]"},{"b":[1,{"c":"\"}"}]},3,"x"]}`, []string{`{"a":"]"}`, `{"b":[1,{"c":"\"}"}]}`, `3`, `"x"`}, ""},
		"white space":      {" {\n \"events\" : [ {} ,\t{} ] }\r\n", []string{`{}`, `{}`}, ""},
		"backslashes":      {`{"events":["\\","\\\""]}`, []string{`"\\"`, `"\\\""`}, ""},
		"none":             {`{"events":[]}`, nil, "it has no event"},
		"empty":            {``, nil, "does not start"},
		"other member":     {`{"event":[]}`, nil, "does not start"},
		"no array":         {`{"events":{}}`, nil, "not an array"},
		"another member":   {`{"events":[{}],"x":1}`, nil, "something follows"},
		"more":             {`{"events":[{}]}{}`, nil, "something follows"},
		"comma at the end": {`{"events":[{},]}`, nil, "a value is missing"},
		"no comma":         {`{"events":[{}{}]}`, nil, "neither a comma"},
		"cut in a string":  {`{"events":["`, nil, "a string does not end"},
		"cut in an object": {`{"events":[{"a":1`, nil, "does not end"},
		"too deep":         {`{"events":[` + strings.Repeat("[", 17), nil, "deep"},
		"too many":         {`{"events":[1,2,3,4,5]}`, nil, "too many"},
		"not UTF-8":        {"{\"events\":[\"\xff\"]}", nil, "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cutBatch([]byte(c.body), 4)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("got %q, error %v; want an error with %q", got, err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if string(bytes.Join(got, []byte("|"))) != strings.Join(c.want, "|") {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// FuzzCutBatch holds the scanner against encoding/json: what encoding/json takes as a batch of valid values the scanner
// cuts in the same places, and whatever the scanner cuts is in the body.
func FuzzCutBatch(f *testing.F) {
	for _, seed := range []string{`{"events":[{}]}`, `{"events":[{"a":"\\\""},[1,2,{"x":null}]]}`, ` {"events" : [ 1 , "a" ] } `, `{"events":[`, `{"events":["\u0022"]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := cutBatch(body, 1000)
		var want struct {
			Events []json.RawMessage `json:"events"`
		}
		if err != nil {
			return
		}
		for _, value := range got {
			if !bytes.Contains(body, value) || len(value) == 0 {
				t.Fatalf("cut %q out of %q", value, body)
			}
		}
		if json.Unmarshal(body, &want) != nil {
			return // the scanner leaves it to whoever decodes the values to see what is in them
		}
		if len(got) != len(want.Events) {
			t.Fatalf("cut %q into %q, and encoding/json into %q", body, got, want.Events)
		}
		for i := range got {
			if !bytes.Equal(got[i], want.Events[i]) {
				t.Fatalf("cut %q into %q, and encoding/json into %q", body, got, want.Events)
			}
		}
	})
}

// FuzzSubmission sends anything through the whole decoding of a single submission: it must not panic, and what it takes is
// what the canonical form of the result says.
func FuzzSubmission(f *testing.F) {
	good, err := submissions(f, 1)[0].Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(bytes.Replace(good, []byte(`{"payload"`), []byte("{ \n\"payload\""), 1))
	f.Add([]byte(`{"envelope":{}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		sub, err := decodeOne(body)
		if err != nil {
			return
		}
		canonical, err := sub.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := event.DecodeSubmission(canonical)
		if err != nil || again.Envelope.Digest() != sub.Envelope.Digest() {
			t.Fatalf("taken, but its canonical form isn't: %v", err)
		}
	})
}

func TestErrTooManyEventsIsTold(t *testing.T) {
	if _, err := cutBatch([]byte(`{"events":[1,2]}`), 1); !errors.Is(err, errTooManyEvents) {
		t.Errorf("got %v", err)
	}
}
