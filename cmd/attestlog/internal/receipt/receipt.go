// Package receipt keeps a log's receipt in a file of JSON: all that it takes to show, years later, that an event was logged.
//
// Nothing in a file is believed: verify.Receipt checks it against the log's key.
package receipt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// Format is what a file says it is.
const Format = "attestlog-receipt/v1"

// MaxFile bounds a file, in bytes: a leaf in base64, and a proof of 63 hashes and a note.
const MaxFile = 256 << 10

// file is a receipt in JSON.
type file struct {
	Format string       `json:"format"`
	Index  int64        `json:"index"`
	Digest event.Digest `json:"digest"`
	Logged int64        `json:"logged"` // milliseconds since 1970, the log's clock
	Leaf   []byte       `json:"leaf"`
	Proof  string       `json:"proof"` // C2SP tlog-proof
}

// Encode writes a receipt.
func Encode(r *verify.Receipt) ([]byte, error) {
	entry, err := verify.OpenEntry(r.Index, r.Leaf)
	if err != nil {
		return nil, fmt.Errorf("couldn't write the receipt: %w", err)
	}
	b, err := json.MarshalIndent(file{Format, r.Index, entry.Digest, entry.Leaf.Logged, r.Leaf, string(r.TlogProof())}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("couldn't write the receipt: %w", err)
	}
	return append(b, '\n'), nil
}

// Decode reads what Encode wrote, to the byte. Nothing is verified yet but that the file doesn't contradict itself.
func Decode(b []byte) (*verify.Receipt, error) {
	if len(b) > MaxFile {
		return nil, fmt.Errorf("not a receipt: it has more than %d bytes", MaxFile)
	}
	var f file
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil || f.Format != Format {
		return nil, fmt.Errorf("not a receipt: want an object with format %q, index, digest, logged, leaf and proof", Format)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("not a receipt: something follows it")
	}
	r, err := verify.ParseReceipt(f.Leaf, []byte(f.Proof))
	if err != nil {
		return nil, fmt.Errorf("not a receipt: %w", err)
	}
	again, err := Encode(r)
	if err != nil {
		return nil, fmt.Errorf("not a receipt: %w", err)
	}
	if !bytes.Equal(again, b) {
		return nil, fmt.Errorf("not a receipt: it contradicts its leaf or its proof, or is not as this program writes it")
	}
	return r, nil
}
