// Package evidence keeps what a verdict about an entry rests on in a folder, so that anyone can verify it years later, without
// the log and without a network:
//
//	evidence.json      which entry it is about, and on which others the verdict rests
//	17.leaf            the bytes of entry 17
//	17.tlog-proof      its proof against the log's head, as C2SP tlog-proof has it
//
// Nothing in the folder is believed: verify.Evidence checks it all against the log's key.
package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

const (
	format       = "attestlog-evidence/v1"
	manifestFile = "evidence.json"
	// maxEntries bounds the folder; a verdict may rest on 1,024 entries.
	maxEntries  = 1025
	maxManifest = 64 << 10
	maxProof    = 32 << 10
)

// manifest is evidence.json.
type manifest struct {
	Format string  `json:"format"`
	Event  int64   `json:"event"`  // index of the entry that it is about
	Relied []int64 `json:"relied"` // indices, increasing
}

// Save writes evidence into a new or empty folder.
func Save(dir string, ev *verify.Evidence) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("couldn't make the folder: %w", err)
	}
	if there, err := os.ReadDir(dir); err != nil || len(there) > 0 {
		if err == nil {
			err = errors.New("it isn't empty")
		}
		return fmt.Errorf("couldn't save evidence in %s: %w", dir, err)
	}
	m := manifest{Format: format, Event: ev.Event.Index, Relied: []int64{}}
	for i := range ev.Relied {
		m.Relied = append(m.Relied, ev.Relied[i].Index)
	}
	slices.Sort(m.Relied)
	for _, r := range append([]verify.Receipt{ev.Event}, ev.Relied...) {
		if err := saveReceipt(dir, &r); err != nil {
			return err
		}
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, manifestFile), append(b, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("couldn't save evidence: %w", err)
	}
	return nil
}

func saveReceipt(dir string, r *verify.Receipt) error {
	leaf, proof := files(dir, r.Index)
	if err := errors.Join(os.WriteFile(leaf, r.Leaf, 0o644), os.WriteFile(proof, r.TlogProof(), 0o644)); err != nil {
		return fmt.Errorf("couldn't save evidence: %w", err)
	}
	return nil
}

func files(dir string, index int64) (leaf, proof string) {
	base := filepath.Join(dir, strconv.FormatInt(index, 10))
	return base + ".leaf", base + ".tlog-proof"
}

// Load reads a folder. Nothing is verified yet.
func Load(dir string) (*verify.Evidence, error) {
	b, err := read(filepath.Join(dir, manifestFile), maxManifest)
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(b)
	if err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w", filepath.Join(dir, manifestFile), err)
	}
	ev := new(verify.Evidence)
	about, err := loadReceipt(dir, m.Event)
	if err != nil {
		return nil, err
	}
	ev.Event = *about
	for _, index := range m.Relied {
		r, err := loadReceipt(dir, index)
		if err != nil {
			return nil, err
		}
		ev.Relied = append(ev.Relied, *r)
	}
	return ev, nil
}

func parseManifest(b []byte) (*manifest, error) {
	m := new(manifest)
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("it is not the list of contents that belongs here: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows the list of contents")
	}
	if m.Format != format || m.Event < 0 || len(m.Relied) >= maxEntries {
		return nil, fmt.Errorf("want the format %s, and at most %d entries", format, maxEntries)
	}
	last := int64(-1)
	for _, index := range m.Relied {
		if index <= last || index == m.Event {
			return nil, errors.New("the entries must be listed once, in order")
		}
		last = index
	}
	return m, nil
}

func loadReceipt(dir string, index int64) (*verify.Receipt, error) {
	leafFile, proofFile := files(dir, index)
	leaf, err := read(leafFile, event.MaxLeaf)
	if err != nil {
		return nil, err
	}
	proof, err := read(proofFile, maxProof)
	if err != nil {
		return nil, err
	}
	r, err := verify.ParseReceipt(leaf, proof)
	if err != nil {
		return nil, fmt.Errorf("entry %d: %w", index, err)
	}
	if r.Index != index {
		return nil, fmt.Errorf("%s is the proof of entry %d", proofFile, r.Index)
	}
	return r, nil
}

func read(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't read evidence: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("couldn't read evidence: %w", err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("couldn't read %s: it has more than %d bytes", path, limit)
	}
	return b, nil
}
