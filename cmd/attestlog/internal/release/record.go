package release

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/dataset"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
)

// Format is what the record of a release says it is.
const Format = "attestlog-release/v1"

// MaxFile bounds a record, in bytes: a number for each row that is left out.
const MaxFile = 16 << 20

// record is a release's record in JSON.
type record struct {
	Format     string        `json:"format"`
	Dataset    event.Digest  `json:"dataset"`  // the event that commits to the raw data set
	Raw        event.Element `json:"raw"`      // its commitment D
	Released   event.Element `json:"released"` // that of the released data set
	ChunkRows  int           `json:"chunkRows"`
	K          int           `json:"k"`
	Diversity  int           `json:"diversity"`
	Hierarchy  string        `json:"hierarchy"`  // its 768 codes, in hex
	Suppressed []int         `json:"suppressed"` // rows of the raw data set, increasing
}

// Encode writes the record, for a file that only its owner can read: it says which rows are left out.
func (r *Release) Encode() ([]byte, error) {
	raw, err := r.Raw.Commitment()
	if err != nil {
		return nil, err
	}
	released, err := r.Released.Commitment()
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(record{Format, r.Entry, raw, released, r.ChunkRows, r.K, r.Diversity, hex.EncodeToString(codesOf(r.Hierarchy)), r.Suppressed()})
	if err != nil {
		return nil, fmt.Errorf("couldn't write the release's record: %w", err)
	}
	return append(b, '\n'), nil
}

// Decode reads what Encode wrote, to the byte, with the two data sets that it is about, and makes sure that one was released
// as the other. Errors quote nothing of it.
func Decode(b []byte, raw, released *dataset.Dataset) (*Release, error) {
	if len(b) > MaxFile {
		return nil, fmt.Errorf("not a release's record: it has more than %d bytes", MaxFile)
	}
	var f record
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil || f.Format != Format {
		return nil, fmt.Errorf("not a release's record: want an object with format %q", Format)
	}
	r := &Release{Terms: Terms{f.ChunkRows, f.K, f.Diversity}, Entry: f.Dataset, Raw: raw, Released: released, Hierarchy: new(statement.Hierarchy)}
	if err := r.Terms.check(); err != nil {
		return nil, fmt.Errorf("not a release's record: %w", err)
	}
	if err := r.restore(&f); err != nil {
		return nil, err
	}
	if again, err := r.Encode(); err != nil || !bytes.Equal(again, b) {
		return nil, errors.New("the release's record is damaged: it is not as this program writes it")
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("the release's record is damaged: %w", err)
	}
	return r, nil
}

// restore fills in what the record says, once it is known to be about these data sets.
func (r *Release) restore(f *record) error {
	for _, side := range []struct {
		name string
		set  *dataset.Dataset
		want event.Element
	}{{"raw", r.Raw, f.Raw}, {"released", r.Released, f.Released}} {
		if got, err := side.set.Commitment(); err != nil || got != side.want {
			return fmt.Errorf("the release's record is about another %s data set than the one at hand", side.name)
		}
	}
	codes, err := hex.DecodeString(f.Hierarchy)
	if err != nil || len(codes) != statement.QuasiSlots*statement.MaxQuasiCodes {
		return errors.New("the release's record is damaged: it has no hierarchy")
	}
	for i, code := range codes {
		r.Hierarchy[i/statement.MaxQuasiCodes][i%statement.MaxQuasiCodes] = code
	}
	r.Keep = make([]bool, r.Raw.Table.Len())
	for i := range r.Keep {
		r.Keep[i] = true
	}
	for _, row := range f.Suppressed {
		if row < 0 || row >= len(r.Keep) {
			return errors.New("the release's record is damaged: it leaves out rows that there aren't")
		}
		r.Keep[row] = false
	}
	return nil
}

func codesOf(h *statement.Hierarchy) (codes []byte) {
	for slot := range h {
		codes = append(codes, h[slot][:]...)
	}
	return codes
}

// WriteCSV writes the released rows for people, without the blanks: their numbers in the released data set, and their values.
func (r *Release) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	columns := r.Released.Claims.Columns
	line := []string{"row"}
	for _, c := range columns {
		line = append(line, c.Name)
	}
	err := out.Write(line)
	for i := 0; i < r.Released.Table.Len() && err == nil; i++ {
		cells := r.Released.Table.Row(i).Cells
		if r.blank(cells) {
			continue
		}
		line = append(line[:0], strconv.Itoa(i))
		for j, c := range columns {
			line = append(line, value(c.Coding, cells[j]))
		}
		err = out.Write(line)
	}
	out.Flush()
	if err = errors.Join(err, out.Error()); err != nil {
		return fmt.Errorf("couldn't write the released rows: %w", err)
	}
	return nil
}

// value is what a code stands for. Codes of committed tables are within their coding.
func value(c event.Coding, code uint16) string {
	if c.Category != nil {
		return c.Category.Labels[code]
	}
	return strconv.FormatInt(c.Integer.Min+int64(code), 10)
}
