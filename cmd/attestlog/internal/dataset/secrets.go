package dataset

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/draft"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/table"
)

// The secret file, all of it:
//
//	attestlog-dataset-secrets/v1 and a line feed
//	the length of the draft in bytes, 4 bytes, big-endian
//	the draft of the data set's entry (JSON)
//	for each row: 16 bytes of salt, 8 bytes of consent mask, 2 bytes for each cell, big-endian
//	SHA-256 of all bytes before it
//
// The draft says how many rows and columns there are, so the file has exactly one length. Whoever reads it computes the root
// once more and compares it with the draft's: a file that opens another commitment than it says never gets as far as a proof.
const (
	magic      = "attestlog-dataset-secrets/v1\n"
	rowSecrets = len(table.Salt{}) + 8
)

// WriteSecrets writes the secret file. The caller makes sure that nobody else can read it.
func (d *Dataset) WriteSecrets(w io.Writer) error {
	public, err := d.Draft()
	if err != nil {
		return err
	}
	text, err := public.Encode()
	if err != nil {
		return err
	}
	sum := sha256.New()
	out := bufio.NewWriter(w)
	both := io.MultiWriter(out, sum)
	both.Write(binary.BigEndian.AppendUint32([]byte(magic), uint32(len(text))))
	both.Write(text)
	b := make([]byte, 0, rowSecrets+2*len(d.Claims.Columns))
	for i := range d.Table.Len() {
		row := d.Table.Row(i)
		b = append(b[:0], row.Salt[:]...)
		b = binary.BigEndian.AppendUint64(b, row.Consent)
		for _, c := range row.Cells {
			b = binary.BigEndian.AppendUint16(b, c)
		}
		both.Write(b)
	}
	out.Write(sum.Sum(nil))
	if err := out.Flush(); err != nil { // a bufio.Writer keeps the first error
		return fmt.Errorf("couldn't write the data set's secrets: %w", err)
	}
	return nil
}

// ReadSecrets reads a secret file, checks it to the last bit, and computes the tree again.
func ReadSecrets(ctx context.Context, r io.Reader, progress Progress) (*Dataset, error) {
	in := &summed{r: bufio.NewReader(r), sum: sha256.New()}
	public, err := readHead(in)
	if err != nil {
		return nil, err
	}
	claims := public.Claims.(*event.DatasetClaims)
	stated := *claims
	rows, err := readSecretRows(ctx, in, claims, progress)
	if err != nil {
		return nil, err
	}
	want := in.sum.Sum(nil)
	got := make([]byte, sha256.Size+1)
	if n, err := io.ReadFull(in.r, got); n != sha256.Size || err != io.ErrUnexpectedEOF || !bytes.Equal(got[:n], want) {
		return nil, errors.New("the file of secrets is damaged: its checksum is wrong, or something follows it")
	}
	d, err := Build(ctx, public.Subject.Name, claims, rows, progress)
	if err != nil {
		return nil, err
	}
	if d.Claims.Root != stated.Root {
		return nil, errors.New("the file of secrets opens another commitment than it says")
	}
	again, err := d.Draft()
	if err != nil {
		return nil, err
	}
	if again.Subject.Digest != public.Subject.Digest {
		return nil, errors.New("the file of secrets names another commitment than it opens")
	}
	return d, nil
}

// readHead reads up to the first row.
func readHead(in *summed) (*draft.Draft, error) {
	head := make([]byte, len(magic)+4)
	if err := in.full(head); err != nil || string(head[:len(magic)]) != magic {
		return nil, fmt.Errorf("not a file of a data set's secrets: it doesn't begin with %q", magic[:len(magic)-1])
	}
	length := binary.BigEndian.Uint32(head[len(magic):])
	if length > draft.MaxFile {
		return nil, fmt.Errorf("the file of secrets is damaged: its head claims to have %d bytes", length)
	}
	text := make([]byte, length)
	if err := in.full(text); err != nil {
		return nil, err
	}
	public, err := draft.Decode(text)
	if err != nil {
		return nil, fmt.Errorf("the file of secrets is damaged: %w", err)
	}
	claims, ok := public.Claims.(*event.DatasetClaims)
	if !ok {
		return nil, fmt.Errorf("the file of secrets is damaged: it describes an event of kind %s, not a data set", public.Claims.Kind())
	}
	if again, err := public.Encode(); err != nil || !bytes.Equal(again, text) {
		return nil, errors.New("the file of secrets is damaged: its head is not as this program writes it")
	}
	layout, err := table.LayoutFor(len(claims.Columns))
	if err != nil {
		return nil, err
	}
	if claims.Rows > int64(layout.MaxRows()) {
		return nil, fmt.Errorf("the file of secrets is damaged: it claims to have %d rows", claims.Rows)
	}
	return public, nil
}

func readSecretRows(ctx context.Context, in *summed, claims *event.DatasetClaims, progress Progress) ([]table.Row, error) {
	var rows []table.Row // grows with what is really there, not with what the head claims
	b := make([]byte, rowSecrets+2*len(claims.Columns))
	for i := range claims.Rows {
		if i%1000 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			report(progress, StepRead, int(i), int(claims.Rows))
		}
		if err := in.full(b); err != nil {
			return nil, err
		}
		row := table.Row{Cells: make([]uint16, len(claims.Columns)), Salt: table.Salt(b), Consent: binary.BigEndian.Uint64(b[len(table.Salt{}):])}
		if row.Consent>>len(claims.Purposes) != 0 { // a shift by 64 gives 0
			return nil, fmt.Errorf("the file of secrets is damaged: row %d consents to a purpose that there isn't", i)
		}
		for j := range row.Cells {
			row.Cells[j] = binary.BigEndian.Uint16(b[rowSecrets+2*j:])
			if !inRange(row.Cells[j], claims.Columns[j].Coding) {
				return nil, fmt.Errorf("the file of secrets is damaged: row %d has no value in column %q", i, claims.Columns[j].Name)
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// inRange tells whether a code means something.
func inRange(code uint16, coding event.Coding) bool {
	if coding.Category != nil {
		return int(code) < len(coding.Category.Labels)
	}
	return int64(code) <= coding.Integer.Max-coding.Integer.Min
}

// summed hashes what it reads.
type summed struct {
	r   io.Reader
	sum hash.Hash
}

func (s *summed) full(b []byte) error {
	if _, err := io.ReadFull(s.r, b); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return errors.New("the file of secrets is damaged: it ends too early")
		}
		return fmt.Errorf("couldn't read the data set's secrets: %w", err)
	}
	s.sum.Write(b)
	return nil
}
