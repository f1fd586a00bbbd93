package verify

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
)

// MaxAddCheckpoint bounds the body of a request to a witness, in bytes: the old size, 63 hashes and a note.
const MaxAddCheckpoint = MaxNote + 64*64

// maxConsistency is how many hashes a consistency proof may have (C2SP tlog-witness).
const maxConsistency = 63

// SizeContentType is the content type in which a witness states the size that it cosigned last, in answer to one that is stale.
const SizeContentType = "text/x.tlog.size"

// AddCheckpoint asks a witness to cosign a checkpoint (C2SP tlog-witness, add-checkpoint).
type AddCheckpoint struct {
	Old    int64      // the size that the witness cosigned last, as far as the asker knows; 0 for none
	Hashes [][32]byte // the consistency proof from Old to the checkpoint's size (RFC 6962, section 2.1.2)
	Note   []byte     // the signed checkpoint
}

// Encode makes the request's body.
func (r *AddCheckpoint) Encode() []byte {
	b := fmt.Appendf(nil, "old %d\n", r.Old)
	for _, h := range r.Hashes {
		b = base64.StdEncoding.AppendEncode(b, h[:])
		b = append(b, '\n')
	}
	b = append(b, '\n')
	return append(b, r.Note...)
}

// ParseAddCheckpoint reads a request's body strictly. The note in it is not looked at.
func ParseAddCheckpoint(body []byte) (*AddCheckpoint, error) {
	fail := func(err error) (*AddCheckpoint, error) {
		return nil, fmt.Errorf("not a request to add a checkpoint: %w", err)
	}
	if len(body) > MaxAddCheckpoint {
		return fail(fmt.Errorf("it has %d bytes, and at most %d are allowed", len(body), MaxAddCheckpoint))
	}
	head, signed, found := bytes.Cut(body, []byte("\n\n"))
	if !found {
		return fail(errors.New("no empty line parts the consistency proof from the checkpoint"))
	}
	lines := bytes.Split(head, []byte("\n"))
	size, found := bytes.CutPrefix(lines[0], []byte("old "))
	if !found {
		return fail(errors.New(`the first line isn't "old" and a size`))
	}
	old, err := ParseSize(size)
	if err != nil {
		return fail(err)
	}
	r := &AddCheckpoint{Old: old, Note: signed}
	if lines = lines[1:]; len(lines) > maxConsistency {
		return fail(fmt.Errorf("the consistency proof has %d hashes, and at most %d are allowed", len(lines), maxConsistency))
	}
	for i, line := range lines {
		h, err := base64.StdEncoding.Strict().DecodeString(string(line))
		if err != nil || len(h) != 32 {
			return fail(fmt.Errorf("hash %d of the consistency proof is not 32 bytes in base64", i+1))
		}
		r.Hashes = append(r.Hashes, [32]byte(h))
	}
	return r, nil
}

// ParseSize reads the size of a tree in decimal, without sign or leading zeros.
func ParseSize(text []byte) (int64, error) {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != string(text) {
		return 0, fmt.Errorf("%q is not a tree's size in decimal", clipText(string(text)))
	}
	return n, nil
}
