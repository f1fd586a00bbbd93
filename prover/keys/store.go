package keys

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/backend/groth16"
	groth16_bn254 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/constraint"
	"golang.org/x/sync/errgroup"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// MaxProvingKeySize bounds proving keys and constraint systems, in bytes. It
// leaves room for some ten million constraints.
const MaxProvingKeySize = 8 << 30

// The files of one statement's directory.
const (
	constraintsFile  = "constraints.bin"
	provingKeyFile   = "proving.key"
	verifyingKeyFile = "verifying.key"
	manifestFile     = "manifest.json"
)

// ErrNotFound says that a store has no keys for a statement.
var ErrNotFound = errors.New("no keys for this statement")

// ErrCorrupt says that files of a store are not what their manifest says:
// changed, truncated, or somebody else's.
var ErrCorrupt = errors.New("key files don't match their manifest")

// Store keeps keys on disk, a directory for each statement, named by the digest
// of its verifying key in hex. A directory appears whole or not at all. Several
// processes may share a store.
type Store struct{ dir string }

// OpenStore opens the store at dir, which it makes if it doesn't exist.
func OpenStore(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("couldn't open key store: %w", err)
	}
	return &Store{dir}, nil
}

func (s *Store) path(vk event.Digest, file ...string) string {
	return filepath.Join(append([]string{s.dir, vk.String()}, file...)...)
}

// Manifest returns the manifest of the statement with the given verifying key
// digest, or an error that wraps [ErrNotFound].
func (s *Store) Manifest(vk event.Digest) (*Manifest, error) {
	b, err := readBounded(s.path(vk, manifestFile), maxManifestSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, vk)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read manifest: %w", err)
	}
	m, err := parseManifest(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, vk, err)
	}
	if m.Digest() != vk {
		return nil, fmt.Errorf("%w: %s: the manifest is that of %s", ErrCorrupt, vk, m.Digest())
	}
	return m, nil
}

// List returns all manifests, the newest first. Where some can't be read, it
// returns the others and an error.
func (s *Store) List() ([]*Manifest, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't list key store: %w", err)
	}
	var list []*Manifest
	var unreadable []error
	for _, e := range entries {
		vk, err := event.ParseDigest(e.Name())
		if err != nil || !e.IsDir() {
			continue // a directory in the making, or not ours
		}
		m, err := s.Manifest(vk)
		if errors.Is(err, ErrNotFound) {
			continue // being replaced
		}
		if err != nil {
			unreadable = append(unreadable, err)
			continue
		}
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b *Manifest) int {
		da, db := a.Digest(), b.Digest()
		if c := b.Created.Compare(a.Created); c != 0 {
			return c
		}
		return bytes.Compare(da[:], db[:])
	})
	return list, errors.Join(unreadable...)
}

// Latest returns the newest manifest of the statement with the given name.
func (s *Store) Latest(name string) (*Manifest, error) {
	list, err := s.List()
	for _, m := range list {
		if m.Statement == name {
			return m, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%w: %s", ErrNotFound, name)
}

// Find returns the newest manifest of the statement with the given name whose circuit is ccs, as the caller compiled it.
func (s *Store) Find(name string, ccs constraint.ConstraintSystem) (*Manifest, error) {
	circuit, _, err := ConstraintSystemDigest(ccs)
	if err != nil {
		return nil, err
	}
	list, err := s.List()
	for _, m := range list {
		if m.Statement == name && m.ConstraintSystem.SHA256 == circuit {
			return m, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%w: %s", ErrNotFound, name)
}

// VerifyingKey returns a statement's verifying key.
func (s *Store) VerifyingKey(vk event.Digest) (*zkverify.VerifyingKey, error) {
	m, err := s.Manifest(vk)
	if err != nil {
		return nil, err
	}
	b, err := s.read(m, verifyingKeyFile, m.VerifyingKey)
	if err != nil {
		return nil, err
	}
	return zkverify.ParseVerifyingKey(b)
}

// Load returns a statement's keys after checking every file against its manifest.
func (s *Store) Load(vk event.Digest) (*Keys, error) {
	m, err := s.Manifest(vk)
	if err != nil {
		return nil, err
	}
	return s.load(m, func() (constraint.ConstraintSystem, error) {
		b, err := s.read(m, constraintsFile, m.ConstraintSystem)
		if err != nil {
			return nil, err
		}
		ccs := groth16.NewCS(ecc.BN254)
		if _, err := ccs.ReadFrom(bytes.NewReader(b)); err != nil {
			return nil, fmt.Errorf("%w: %s: couldn't read constraint system: %w", ErrCorrupt, vk, err)
		}
		return ccs, nil
	})
}

// LoadFor is Load for a circuit that the caller compiled: the constraint system
// on disk is not read, but ccs must have the digest that the manifest names.
func (s *Store) LoadFor(vk event.Digest, ccs constraint.ConstraintSystem) (*Keys, error) {
	m, err := s.Manifest(vk)
	if err != nil {
		return nil, err
	}
	return s.load(m, func() (constraint.ConstraintSystem, error) {
		if err := CheckCircuit(ccs, m.ConstraintSystem.SHA256); err != nil {
			return nil, fmt.Errorf("couldn't load keys of %s: %w", vk, err)
		}
		return ccs, nil
	})
}

// load loads both keys while circuit gives the constraint system: each takes about
// as long as the other.
func (s *Store) load(m *Manifest, circuit func() (constraint.ConstraintSystem, error)) (*Keys, error) {
	k := new(Keys)
	var pk *groth16_bn254.ProvingKey
	var both errgroup.Group
	both.Go(func() (err error) {
		k.ConstraintSystem, err = circuit()
		return err
	})
	both.Go(func() error {
		vk, err := s.read(m, verifyingKeyFile, m.VerifyingKey)
		if err != nil {
			return err
		}
		if k.VerifyingKey, err = zkverify.ParseVerifyingKey(vk); err != nil {
			return err
		}
		pk, err = s.readProvingKey(m)
		return err
	})
	if err := both.Wait(); err != nil {
		return nil, err
	}
	if err := checkShape(pk, k.ConstraintSystem, k.VerifyingKey); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, m.Digest(), err)
	}
	k.ProvingKey = pk
	return k, nil
}

// readProvingKey reads the proving key and parses it while its digest is worked out. Both go by the same bytes in memory, which nobody
// can change in between, as he could a mapped file; and what was parsed is not used before the digest is known to be the manifest's.
func (s *Store) readProvingKey(m *Manifest) (pk *groth16_bn254.ProvingKey, err error) {
	dump, err := s.readSized(m, provingKeyFile, m.ProvingKey)
	if err != nil {
		return nil, err
	}
	var both errgroup.Group
	both.Go(func() error { return checkDigest(m, provingKeyFile, dump, m.ProvingKey) })
	both.Go(func() (err error) {
		if pk, err = parseProvingKey(dump); err != nil {
			err = fmt.Errorf("%w: %s: %w", ErrCorrupt, m.Digest(), err)
		}
		return err
	})
	if err := both.Wait(); err != nil {
		return nil, err
	}
	return pk, nil
}

// OpenProvingKey opens a statement's proving key file, to be served to provers.
// The caller closes it. Its content is not checked: who receives it does that.
func (s *Store) OpenProvingKey(vk event.Digest) (*os.File, *Manifest, error) {
	m, err := s.Manifest(vk)
	if err != nil {
		return nil, nil, err
	}
	f, err := os.Open(s.path(vk, provingKeyFile))
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't open proving key: %w", err)
	}
	return f, m, nil
}

// read reads a file whole and checks it against its manifest.
func (s *Store) read(m *Manifest, file string, want File) ([]byte, error) {
	b, err := s.readSized(m, file, want)
	if err == nil {
		err = checkDigest(m, file, b, want)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// readSized reads a file whole, which must have its manifest's length.
func (s *Store) readSized(m *Manifest, file string, want File) ([]byte, error) {
	b, err := readBounded(s.path(m.Digest(), file), want.Size)
	switch {
	case errors.Is(err, errTooLong):
		return nil, fmt.Errorf("%w: %s: %s is longer than %d bytes", ErrCorrupt, m.Digest(), file, want.Size)
	case err != nil:
		return nil, fmt.Errorf("couldn't read keys: %w", err)
	case int64(len(b)) != want.Size:
		return nil, fmt.Errorf("%w: %s: %s has %d bytes, want %d", ErrCorrupt, m.Digest(), file, len(b), want.Size)
	}
	return b, nil
}

func checkDigest(m *Manifest, file string, b []byte, want File) error {
	if sha256.Sum256(b) != want.SHA256 {
		return fmt.Errorf("%w: %s: %s has another SHA-256", ErrCorrupt, m.Digest(), file)
	}
	return nil
}

var errTooLong = errors.New("file is too long")

func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if info.Size() > limit {
		return nil, errTooLong
	}
	b := make([]byte, info.Size())
	n, err := io.ReadFull(f, b)
	if err != nil && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	return b[:n], nil
}

// Put stores new keys of a one-party set-up and returns their manifest.
func (s *Store) Put(name string, k *Keys, now time.Time) (*Manifest, error) {
	return s.put(newManifest(name, event.SetupOneParty, event.Digest{}, k, now), k)
}

// PutCeremony stores the keys that a ceremony with the given transcript has made, see package ceremony.
func (s *Store) PutCeremony(name string, k *Keys, transcript event.Digest, now time.Time) (*Manifest, error) {
	return s.put(newManifest(name, event.SetupCeremony, transcript, k, now), k)
}

// ProvingKeyFile says what file a proving key makes in a store.
func ProvingKeyFile(key groth16.ProvingKey) (File, error) {
	pk, ok := key.(*groth16_bn254.ProvingKey)
	if !ok {
		return File{}, errors.New("couldn't encode proving key: it's not for bn254")
	}
	c := &counter{hash: sha256.New()}
	w := bufio.NewWriterSize(c, 1<<20)
	if err := errors.Join(pk.WriteDump(w), w.Flush()); err != nil {
		return File{}, fmt.Errorf("couldn't encode proving key: %w", err)
	}
	return File{event.Digest(c.hash.Sum(nil)), c.size}, nil
}

func (s *Store) put(m *Manifest, k *Keys) (*Manifest, error) {
	pk, ok := k.ProvingKey.(*groth16_bn254.ProvingKey)
	if !ok {
		return nil, errors.New("couldn't store keys: the proving key is not for bn254")
	}
	if err := checkShape(pk, k.ConstraintSystem, k.VerifyingKey); err != nil {
		return nil, fmt.Errorf("couldn't store keys: %w", err)
	}
	d, err := s.newDirectory()
	if err != nil {
		return nil, err
	}
	defer d.discard()
	m.ProvingKey = d.write(provingKeyFile, pk.WriteDump)
	if err := d.finish(m, k); err != nil {
		return nil, err
	}
	return m, nil
}

// Source says what keys to expect of a proving key that comes from elsewhere, as
// the statement's entry in the log has it.
type Source struct {
	Name             string
	Setup            event.Setup
	ConstraintSystem event.Digest
	ProvingKey       File
	Transcript       event.Digest // of a ceremony
	VerifyingKey     []byte       // in our encoding
}

// AddProvingKey stores a proving key that somebody sends: r is copied to disk,
// and becomes part of the store only if it has the expected length and digest.
// ccs is the circuit as the caller compiled it; it must be the statement's. A
// store that has these keys already is left as it is, and r is not read.
//
// A digest says which key this is, not that it's a good one: a malicious set-up
// could make proofs that give the witness away. Take it only from a log whose
// set-up you trust that far.
func (s *Store) AddProvingKey(ctx context.Context, r io.Reader, ccs constraint.ConstraintSystem, src Source, now time.Time) (*Manifest, error) {
	if src.ProvingKey.Size < 1 || src.ProvingKey.Size > MaxProvingKeySize {
		return nil, fmt.Errorf("couldn't add proving key: it can't have %d bytes", src.ProvingKey.Size)
	}
	if err := CheckCircuit(ccs, src.ConstraintSystem); err != nil {
		return nil, fmt.Errorf("couldn't add proving key: %w", err)
	}
	vk, err := zkverify.ParseVerifyingKey(src.VerifyingKey)
	if err != nil {
		return nil, fmt.Errorf("couldn't add proving key: %w", err)
	}
	if m, err := s.Manifest(vk.Digest()); err == nil && m.ProvingKey == src.ProvingKey && m.Setup == src.Setup && m.Transcript == src.Transcript && s.intact(m) {
		return m, nil
	}
	d, err := s.newDirectory()
	if err != nil {
		return nil, err
	}
	defer d.discard()
	got := d.write(provingKeyFile, func(w io.Writer) error {
		_, err := io.Copy(w, io.LimitReader(contextReader{ctx, r}, src.ProvingKey.Size+1))
		return err
	})
	switch {
	case d.err != nil:
		return nil, fmt.Errorf("couldn't add proving key: %w", d.err)
	case got.Size > src.ProvingKey.Size:
		return nil, fmt.Errorf("couldn't add proving key: it's longer than %d bytes", src.ProvingKey.Size)
	case got != src.ProvingKey:
		return nil, fmt.Errorf("couldn't add proving key: got %d bytes with SHA-256 %s, want %d bytes with %s",
			got.Size, got.SHA256, src.ProvingKey.Size, src.ProvingKey.SHA256)
	}
	k := &Keys{ConstraintSystem: ccs, VerifyingKey: vk}
	m := newManifest(src.Name, src.Setup, src.Transcript, k, now)
	m.ProvingKey = got
	if err := d.finish(m, k); err != nil {
		return nil, err
	}
	return m, nil
}

// Copy takes the keys of a statement over from another store, if they are whole. ccs is the circuit as the caller compiled it. Their manifest stays
// what it is: who made them, and when.
func (s *Store) Copy(ctx context.Context, from *Store, vk event.Digest, ccs constraint.ConstraintSystem) (*Manifest, error) {
	key, err := from.VerifyingKey(vk)
	if err != nil {
		return nil, err
	}
	f, m, err := from.OpenProvingKey(vk)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return s.AddProvingKey(ctx, f, ccs, Source{
		Name: m.Statement, Setup: m.Setup, Transcript: m.Transcript,
		ConstraintSystem: m.ConstraintSystem.SHA256, ProvingKey: m.ProvingKey, VerifyingKey: key.Bytes(),
	}, m.Created)
}

// intact says whether all files are what the manifest says.
func (s *Store) intact(m *Manifest) bool {
	for file, want := range map[string]File{
		constraintsFile: m.ConstraintSystem, provingKeyFile: m.ProvingKey, verifyingKeyFile: m.VerifyingKey,
	} {
		if _, err := s.read(m, file, want); err != nil {
			return false
		}
	}
	return true
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}

// Dir is the directory that the store was opened with.
func (s *Store) Dir() string { return s.dir }
