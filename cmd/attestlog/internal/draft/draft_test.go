package draft

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/attestlog/attestlog/ledger/event"
)

func example() *Draft {
	return &Draft{
		Subject: event.Subject{Name: "scorer <1>", Digest: event.DigestOf([]byte("release"))},
		Claims: &event.DataAccessClaims{Accesses: event.Context("x", event.Digest{}, event.Digest{}), Columns: []string{"age", "größe"},
			Dataset: event.DigestOf([]byte("dataset")), Purpose: "credit-scoring", Records: 60},
		Purpose: "scoring", Jurisdiction: "EU", Retention: "P10Y", Period: &event.Period{From: 1, To: 2},
		Correlation: event.Correlation{MLflow: "run"},
	}
}

func TestRoundTrip(t *testing.T) {
	for _, d := range []*Draft{example(), {Subject: example().Subject, Claims: example().Claims}} {
		b, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(b)
		if err != nil {
			t.Fatalf("%s\n%v", b, err)
		}
		if diff := cmp.Diff(d, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestRefuse(t *testing.T) {
	b, err := example().Encode()
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	tests := []struct{ name, from, to, want string }{
		{"not JSON", `"records": 60`, `"records": 60,`, "line "},
		{"unknown member", `"purpose": "scoring"`, `"porpoise": "scoring"`, `the member "porpoise" is not known here`},
		{"member of an event", `"purpose": "scoring"`, `"seq": 1`, `the member "seq" is not known here`},
		{"member twice", `"purpose": "scoring"`, `"purpose": "scoring", "purpose": "scoring"`, "Duplicate key"},
		{"unknown kind", `"data-access"`, `"data-excess"`, "kind: \"data-excess\" is no kind"},
		{"another kind's claims", `"data-access"`, `"dataset"`, "claims: the member \"accesses\" is not known here"},
		{"unknown claim", `"records": 60`, `"records": 60, "salt": 1`, `claims: the member "salt" is not known here`},
		{"claim out of range", `"records": 60`, `"records": 0`, "claims.records: "},
		{"fraction", `"records": 60`, `"records": 6.5`, "claims.records: "},
		{"null", `"scoring"`, `null`, "purpose: "},
		{"empty subject", `"scorer <1>"`, `""`, "subject.name: "},
		{"a list", text, `[]`, "want an object"},
		{"nothing", text, ``, "not JSON"},
		{"two documents", text, text + text, "not JSON"},
		{"no claims", text, `{"kind": "dataset", "subject": {}}`, "claims: "},
		{"no subject", `"subject"`, `"Subject"`, `the member "Subject" is not known here`},
		{"too long", text, strings.Repeat(" ", MaxFile+1), "at most"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Decode([]byte(strings.Replace(text, tt.from, tt.to, 1)))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	b, err := example().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"kind":"approval","subject":{"name":"x","digest":{"sha256":"` + strings.Repeat("0", 64) + `"}},"claims":{"releases":"` + strings.Repeat("0", 64) + `"}}`))
	f.Add([]byte(`{"kind":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Decode(b)
		if err != nil {
			return
		}
		once, err := d.Encode()
		if err != nil {
			t.Fatalf("%q decodes but doesn't encode: %v", b, err)
		}
		again, err := Decode(once)
		if err != nil {
			t.Fatalf("%q encodes to %q, which doesn't decode: %v", b, once, err)
		}
		twice, err := again.Encode()
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%q encodes to %q, then to %q (%v)", b, once, twice, err)
		}
	})
}
