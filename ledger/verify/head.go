package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

// MaxNote bounds a signed note, in bytes: a head of three lines, and the cosignatures of hundreds of witnesses, or of nineteen that sign with
// ML-DSA.
const MaxNote = 64 << 10

// Head is a tree head that the log signed.
type Head struct {
	Origin string
	Size   int64
	Root   [32]byte
	// Note is the signed note itself, a C2SP tlog-checkpoint: the evidence.
	Note []byte
}

// OpenHead reads a signed note strictly and checks the log's signature. The key's name is the log's origin. Heads of an attestlog log have no
// extension lines.
func OpenHead(signed []byte, key note.Verifier) (Head, error) {
	head, extension, err := openCheckpoint(signed, key)
	if err == nil && len(extension) > 0 {
		err = fmt.Errorf("not a head: the note of %s is not exactly origin, size and root", head.Origin)
	}
	if err != nil {
		return Head{}, err
	}
	return head, nil
}

// OpenCheckpoint is [OpenHead] for any log that has C2SP tlog-checkpoints: they may have extension lines, to which nobody here gives a meaning. So there
// may be several notes about one tree.
func OpenCheckpoint(signed []byte, key note.Verifier) (Head, error) {
	head, _, err := openCheckpoint(signed, key)
	return head, err
}

func openCheckpoint(signed []byte, key note.Verifier) (head Head, extension []byte, err error) {
	fail := func(format string, args ...any) (Head, []byte, error) {
		return Head{}, nil, fmt.Errorf(format, args...)
	}
	if len(signed) > MaxNote {
		return fail("not a head: the note has %d bytes, and at most %d are allowed", len(signed), MaxNote)
	}
	c, extension, n, err := log.ParseCheckpoint(signed, key.Name(), key)
	if err != nil {
		return fail("couldn't open the head under key %s+%08x: %w", key.Name(), key.KeyHash(), err)
	}
	if string(c.Marshal())+string(extension) != n.Text || bytes.HasPrefix(extension, []byte("\n")) || bytes.Contains(extension, []byte("\n\n")) {
		return fail("not a head: the note of %s is not exactly origin, size and root", c.Origin)
	}
	if len(c.Hash) != sha256.Size || c.Size > 1<<62 {
		return fail("not a head: size %d with a root of %d bytes", c.Size, len(c.Hash))
	}
	if c.Size == 0 && !bytes.Equal(c.Hash, rfc6962.DefaultHasher.EmptyRoot()) {
		return fail("not a head: size 0 with a root that is not the empty tree's")
	}
	return Head{Origin: c.Origin, Size: int64(c.Size), Root: [32]byte(c.Hash), Note: signed}, extension, nil
}

// BareNote is a note with the signature of the log alone: what cosignatures are added to, so that nobody else's lines come along.
func BareNote(signed []byte, key note.Verifier) ([]byte, error) {
	if _, err := OpenCheckpoint(signed, key); err != nil {
		return nil, err
	}
	opened, err := note.Open(signed, note.VerifierList(key))
	if err != nil {
		return nil, err
	}
	bare := []byte(opened.Text + "\n")
	for _, s := range opened.Sigs {
		bare = fmt.Appendf(bare, "— %s %s\n", s.Name, s.Base64)
	}
	return bare, nil
}

// SignHead makes the signed note of a tree head.
func SignHead(signer note.Signer, size int64, root [32]byte) ([]byte, error) {
	c := log.Checkpoint{Origin: signer.Name(), Size: uint64(size), Hash: root[:]}
	signed, err := note.Sign(&note.Note{Text: string(c.Marshal())}, signer)
	if err != nil {
		return nil, fmt.Errorf("couldn't sign the head of size %d: %w", size, err)
	}
	return signed, nil
}

// LeafHash is the hash of a leaf in the log's tree (RFC 9162, section 2.1.1).
func LeafHash(leaf []byte) [32]byte { return [32]byte(rfc6962.DefaultHasher.HashLeaf(leaf)) }

// CheckInclusion checks that leaf is the entry at index of the tree with this head (RFC 9162, section 2.1.3.2).
func (h Head) CheckInclusion(index int64, leaf []byte, hashes [][32]byte) error {
	if index < 0 || index >= h.Size {
		return fmt.Errorf("entry %d is not in a tree of %d entries", index, h.Size)
	}
	hash := rfc6962.DefaultHasher.HashLeaf(leaf)
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), uint64(h.Size), hash, views(hashes), h.Root[:]); err != nil {
		return fmt.Errorf("entry %d is not in the tree of %d entries: %w", index, h.Size, mismatch(err))
	}
	return nil
}

// rootThrough is the root of the tree that ends with an entry, from the proof that the entry is in a larger tree, which must have
// been checked. That proof holds it: what stands to the left of the entry is the same in both trees, and the smaller one has
// nothing to the right of it.
func rootThrough(index, size int64, leaf []byte, hashes [][32]byte) (root [32]byte) {
	node := rfc6962.DefaultHasher.HashLeaf(leaf)
	last := size - 1
	for _, h := range hashes { // RFC 9162, section 2.1.3.2
		if index&1 == 1 || index == last {
			node = rfc6962.DefaultHasher.HashChildren(h[:], node)
			for index&1 == 0 && index != 0 {
				index, last = index>>1, last>>1
			}
		}
		index, last = index>>1, last>>1
	}
	copy(root[:], node)
	return root
}

// CheckConsistency checks that the tree of next continues the tree of h (RFC 9162, section 2.1.4.2).
func (h Head) CheckConsistency(next Head, hashes [][32]byte) error {
	if h.Origin != next.Origin {
		return fmt.Errorf("the heads are of two logs, %q and %q", h.Origin, next.Origin)
	}
	if h.Size > next.Size {
		return fmt.Errorf("the head of %d entries can't continue one of %d", next.Size, h.Size)
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(h.Size), uint64(next.Size), views(hashes), h.Root[:], next.Root[:]); err != nil {
		return fmt.Errorf("the tree of %d entries does not continue that of %d: %w", next.Size, h.Size, mismatch(err))
	}
	return nil
}

// mismatch writes roots as notes do, where the library's error spells their bytes out over several lines.
func mismatch(err error) error {
	var roots proof.RootMismatchError
	if !errors.As(err, &roots) {
		return err
	}
	return fmt.Errorf("the hashes lead to the root %s, and the head has %s",
		base64.StdEncoding.EncodeToString(roots.CalculatedRoot), base64.StdEncoding.EncodeToString(roots.ExpectedRoot))
}

// views views hashes as the Merkle library wants them.
func views(hashes [][32]byte) [][]byte {
	out := make([][]byte, len(hashes))
	for i := range hashes {
		out[i] = hashes[i][:]
	}
	return out
}
