package dataset

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/attestlog/attestlog/ledger/event"
)

const german = "../../../../testdata/german-credit"

func TestGermanCredit(t *testing.T) {
	d, err := Commit(context.Background(), filepath.Join(german, "credit-g.arff"), filepath.Join(german, "schema.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if d.Name != "german-credit" || d.Claims.Rows != 1000 || len(d.Claims.Columns) != 21 {
		t.Fatalf("got %q with %d rows of %d columns", d.Name, d.Claims.Rows, len(d.Claims.Columns))
	}
	if got := d.Consenting(); !cmp.Equal(got, []int{861, 633, 251}) {
		t.Errorf("%v rows consent", got)
	}
	// The rule in ATTRIBUTION.md.
	for row := range 1000 {
		sum := sha256.Sum256(fmt.Appendf(nil, "german-credit/consent/%d", row))
		var want uint64
		for p, share := range []byte{224, 160, 64} {
			if sum[p] < share {
				want |= 1 << p
			}
		}
		if got := d.Table.Row(row).Consent; got != want {
			t.Fatalf("row %d consents to %b, want %b", row, got, want)
		}
	}
	// Row 0 begins '<0',6,'critical/other existing credit',radio/tv,1169 and ends good.
	if got := d.Table.Row(0).Cells; !cmp.Equal(got[:5], []uint16{0, 6, 4, 3, 1169}) || got[20] != 0 {
		t.Errorf("row 0 is %v", got)
	}
}

// write puts a small table and its schema into a new folder.
func write(t *testing.T, table, schema, consent string) (string, string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"t.csv": table, "schema.yaml": schema, "consent.csv": consent} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "t.csv"), filepath.Join(dir, "schema.yaml")
}

const (
	smallTable   = "age,job\n30,clerk\n31,smith\n30,clerk\n"
	smallConsent = "row,scoring\n0,yes\n1,no\n2,yes\n"
	smallSchema  = `format: attestlog-schema/v1
name: people
purposes: [scoring]
consent: {file: consent.csv}
columns:
  - {name: age, role: quasi, min: 0, max: 127}
  - {name: job, role: other, labels: [clerk, smith]}
`
)

func small(t *testing.T) *Dataset {
	t.Helper()
	table, schema := write(t, smallTable, smallSchema, smallConsent)
	d, err := Commit(context.Background(), table, schema, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestSalted checks that equal rows, and equal tables, give nothing away.
func TestSalted(t *testing.T) {
	a, b := small(t), small(t)
	if a.Claims.Root == b.Claims.Root {
		t.Error("the same table has the same root twice")
	}
	if a.Table.Row(0).Salt == a.Table.Row(2).Salt {
		t.Error("two rows have the same salt")
	}
}

func TestCommitRefuses(t *testing.T) {
	tests := []struct{ name, table, schema, consent, want string }{
		{"value out of range", strings.Replace(smallTable, "31", "128", 1), smallSchema, smallConsent, `t.csv: line 3: the value of column "age" is not within its range`},
		{"unknown label", strings.Replace(smallTable, "smith", "thief", 1), smallSchema, smallConsent, `t.csv: line 3: the value of column "job" is none of its 2 labels`},
		{"no rows", "age,job\n", smallSchema, smallConsent, "t.csv: there are no rows"},
		{"bad consent", smallTable, smallSchema, "row,scoring\n3,yes\n", "consent.csv: line 2: the table has the rows 0 to 2"},
		{"bad schema", smallTable, strings.Replace(smallSchema, "quasi", "q", 1), smallConsent, `schema.yaml: line 6: column "age": role "q" is unknown`},
		{"schema of another table", "age\n1\n", smallSchema, smallConsent, `the schema doesn't fit`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table, schema := write(t, tt.table, tt.schema, tt.consent)
			_, err := Commit(context.Background(), table, schema, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			// The folder's random name may hold any digits.
			said := strings.ReplaceAll(err.Error(), filepath.Dir(table), "")
			if strings.Contains(said, "thief") || strings.Contains(said, "128") {
				t.Errorf("the error %q quotes private data", err)
			}
		})
	}
}

func secrets(t testing.TB, d *Dataset) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := d.WriteSecrets(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSecretsRoundTrip(t *testing.T) {
	d := small(t)
	got, err := ReadSecrets(context.Background(), bytes.NewReader(secrets(t, d)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d.Claims, got.Claims); diff != "" || got.Name != d.Name {
		t.Error(got.Name, diff)
	}
	for i := range d.Table.Len() {
		if diff := cmp.Diff(d.Table.Row(i), got.Table.Row(i)); diff != "" {
			t.Error(i, diff)
		}
	}
}

// TestSecretsRefuse changes every byte, and every length.
func TestSecretsRefuse(t *testing.T) {
	b := secrets(t, small(t))
	read := func(b []byte) error {
		_, err := ReadSecrets(context.Background(), bytes.NewReader(b), nil)
		return err
	}
	for i := range b {
		b[i] ^= 1
		if read(b) == nil {
			t.Errorf("the change of byte %d goes unnoticed", i)
		}
		b[i] ^= 1
	}
	for n := range b {
		if read(b[:n]) == nil {
			t.Errorf("the first %d of %d bytes are accepted", n, len(b))
		}
	}
	if read(append(b[:len(b):len(b)], 0)) == nil {
		t.Error("a byte too many is accepted")
	}
}

// TestSecretsOfAnotherCommitment has a right checksum over wrong contents.
func TestSecretsOfAnotherCommitment(t *testing.T) {
	resum := func(b []byte) []byte {
		sum := sha256.Sum256(b[:len(b)-sha256.Size])
		return append(b[:len(b)-sha256.Size:len(b)-sha256.Size], sum[:]...)
	}
	d := small(t)
	row := rowSecrets + 2*len(d.Claims.Columns)
	tests := []struct {
		name string
		from int // the end of the file
		to   byte
		want string
	}{
		{"cell", sha256.Size + 3, 31, "opens another commitment"},
		{"cell beyond the labels", sha256.Size + 1, 2, `row 2 has no value in column "job"`},
		{"consent", sha256.Size + 5, 0, "opens another commitment"},
		{"consent to nothing known", sha256.Size + 5, 2, "row 2 consents to a purpose that there isn't"},
		{"salt", sha256.Size + row, 0, "opens another commitment"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := secrets(t, d)
			at := len(b) - tt.from
			if b[at] == tt.to {
				tt.to ^= 1
			}
			b[at] = tt.to
			_, err := ReadSecrets(context.Background(), bytes.NewReader(resum(b)), nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestSecretsStayOut checks that the public part names no value of the data.
func TestSecretsStayOut(t *testing.T) {
	d := small(t)
	public, err := d.Draft()
	if err != nil {
		t.Fatal(err)
	}
	b, err := public.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := range d.Table.Len() {
		if salt := fmt.Sprintf("%x", d.Table.Row(i).Salt); strings.Contains(string(b), salt) {
			t.Errorf("the salt of row %d is public", i)
		}
	}
	if public.Claims.Kind() != event.Dataset {
		t.Error(public.Claims.Kind())
	}
}

func FuzzReadSecrets(f *testing.F) {
	dir := f.TempDir()
	for name, text := range map[string]string{"t.csv": smallTable, "schema.yaml": smallSchema, "consent.csv": smallConsent} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	d, err := Commit(context.Background(), filepath.Join(dir, "t.csv"), filepath.Join(dir, "schema.yaml"), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(secrets(f, d))
	f.Add([]byte(magic + "\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := ReadSecrets(context.Background(), bytes.NewReader(b), nil)
		if err == nil && !bytes.Equal(secrets(t, d), b) {
			t.Fatal("a file is accepted that this program would write otherwise")
		}
	})
}
