package audit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"sync"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/monitor/internal/store"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/statement"
)

// kept tells which events are kept: those that others refer to, and those that make the law.
func kept(e *event.Event) bool {
	switch e.Kind() {
	case event.Source, event.Statement, event.Dataset, event.TrainingRun, event.TrainingStep, event.Approval, event.Policy, event.Attestation:
		return true
	}
	return e.Proof == event.ProofDeferred
}

// events are the lawful entries that are kept: index and length in eight and four bytes, big-endian, and the leaf. Finding is safe for
// concurrent use.
type events struct {
	file *store.Column
	at   map[event.Digest]int64 // offset

	mu    sync.Mutex
	known map[event.Digest]*verify.Entry
	data  map[event.Digest]event.Element // what circuits know data sets by
}

// maxKnown bounds how many events are kept decoded. A data set's description has up to 48 KiB.
const maxKnown = 1024

const eventHeader = 12

func openEvents(dir string, length int64, apply func(*verify.Entry)) (*events, error) {
	file, err := store.OpenColumn(filepath.Join(dir, "events"), length)
	if err != nil {
		return nil, err
	}
	s := &events{file: file, at: map[event.Digest]int64{}, known: map[event.Digest]*verify.Entry{}, data: map[event.Digest]event.Element{}}
	for off := int64(0); off < length; {
		e, size, err := s.read(off)
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		s.at[e.Digest] = off
		apply(e)
		off += size
	}
	return s, nil
}

func (s *events) read(off int64) (*verify.Entry, int64, error) {
	damaged := func(err error) (*verify.Entry, int64, error) {
		return nil, 0, fmt.Errorf("couldn't read an event that was kept, at byte %d: the file is damaged: %w", off, err)
	}
	var header [eventHeader]byte
	if _, err := s.file.ReadAt(header[:], off); err != nil {
		return damaged(err)
	}
	n := binary.BigEndian.Uint32(header[8:])
	if n > event.MaxLeaf {
		return damaged(fmt.Errorf("a leaf has no %d bytes", n))
	}
	leaf := make([]byte, n)
	if _, err := s.file.ReadAt(leaf, off+eventHeader); err != nil {
		return damaged(err)
	}
	e, err := verify.OpenEntry(int64(binary.BigEndian.Uint64(header[:])), leaf)
	if err != nil {
		return damaged(err)
	}
	return e, eventHeader + int64(n), nil
}

func (s *events) add(e *verify.Entry, leaf []byte) {
	s.at[e.Digest] = s.file.Len()
	b := binary.BigEndian.AppendUint64(make([]byte, 0, eventHeader+len(leaf)), uint64(e.Index))
	b = binary.BigEndian.AppendUint32(b, uint32(len(leaf)))
	s.file.Append(append(b, leaf...))
	s.remember(e)
}

// find finds a kept event, or nil.
func (s *events) find(d event.Digest) (*verify.Entry, error) {
	s.mu.Lock()
	e := s.known[d]
	s.mu.Unlock()
	if e != nil {
		return e, nil
	}
	off, ok := s.at[d]
	if !ok {
		return nil, nil
	}
	e, _, err := s.read(off)
	if err != nil {
		return nil, err
	}
	if e.Digest != d {
		return nil, fmt.Errorf("the event that was kept at byte %d is %s, and should be %s: the file is damaged", off, e.Digest, d)
	}
	s.remember(e)
	return e, nil
}

func (s *events) remember(e *verify.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	keep(s.known, e.Digest, e)
}

// dataset is what circuits know a data set by: computing it takes longer than anything else about an access but its proof.
func (s *events) dataset(d event.Digest, claims *event.DatasetClaims) (event.Element, error) {
	s.mu.Lock()
	x, ok := s.data[d]
	s.mu.Unlock()
	if ok {
		return x, nil
	}
	x, err := statement.Dataset(claims)
	if err != nil {
		return x, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	keep(s.data, d, x)
	return x, nil
}

// keep adds to a map in which there is room for maxKnown.
func keep[T any](known map[event.Digest]T, d event.Digest, x T) {
	if len(known) >= maxKnown {
		for old := range known { // any: Go's order is random
			delete(known, old)
			break
		}
	}
	known[d] = x
}

// digests are the event digests of all entries, zeros for what is no valid event: 32 bytes each. They are for erasures, which may be
// about any of them, and so rare that the file is read through.
type digests struct {
	file *store.Column
	sum  uint32 // CRC-32C
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func openDigests(dir string, size int64, sum uint32) (*digests, error) {
	file, err := store.OpenColumn(filepath.Join(dir, "digests"), size*32)
	if err != nil {
		return nil, err
	}
	return &digests{file: file, sum: sum}, nil
}

func (s *digests) add(d event.Digest) {
	s.file.Append(d[:])
	s.sum = crc32.Update(s.sum, castagnoli, d[:])
}

// among tells which of some digests are there.
func (s *digests) among(wanted map[event.Digest]bool) (map[event.Digest]bool, error) {
	found := map[event.Digest]bool{}
	var sum uint32
	block := make([]byte, 1<<20)
	for off, end := int64(0), s.file.Len(); off < end; {
		b := block[:min(int64(len(block)), end-off)]
		if _, err := s.file.ReadAt(b, off); err != nil {
			return nil, fmt.Errorf("couldn't look for an event: %w", err)
		}
		sum = crc32.Update(sum, castagnoli, b)
		for i := 0; i < len(b); i += 32 {
			if d := event.Digest(b[i : i+32]); wanted[d] {
				found[d] = true
			}
		}
		off += int64(len(b))
	}
	if sum != s.sum {
		return nil, errors.New("couldn't look for an event: the file of digests is damaged")
	}
	delete(found, event.Digest{})
	return found, nil
}

// recent tells whether a digest is there at that index or after it.
func (s *digests) recent(d event.Digest, from int64) bool {
	b := make([]byte, s.file.Len()-from*32)
	if _, err := s.file.ReadAt(b, from*32); err != nil {
		return false
	}
	for i := 0; i < len(b); i += 32 {
		if event.Digest(b[i:i+32]) == d && !d.IsZero() {
			return true
		}
	}
	return false
}
