package ceremony

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/attestlog/attestlog/ledger/event"
)

// magic begins every contribution's file, and says which version of the format it has.
const magic = "attestlog-mpc/v1"

// header stands before a contribution's body. SPEC.md has its bytes.
type header struct {
	phase    uint8
	number   uint32
	ceremony event.Digest // SHA-256 of phase1/manifest.json in the first phase, of ceremony.json in the second
	previous event.Digest // SHA-256 of the file that it follows
	name     string       // the contributor's; empty at a phase's start
	body     uint64       // length, in bytes
}

const (
	headerFixed = len(magic) + 1 + 4 + 32 + 32 + 1 + 8
	maxHeader   = headerFixed + MaxName
)

func (h *header) encode() []byte {
	b := append(make([]byte, 0, maxHeader), magic...)
	b = append(b, h.phase)
	b = binary.BigEndian.AppendUint32(b, h.number)
	b = append(b, h.ceremony[:]...)
	b = append(b, h.previous[:]...)
	b = append(b, uint8(len(h.name)))
	b = append(b, h.name...)
	return binary.BigEndian.AppendUint64(b, h.body)
}

// parseHeader reads the header of a file, and returns the rest, which is as long as the header says.
func parseHeader(b []byte) (h header, body []byte, err error) {
	if !bytes.HasPrefix(b, []byte(magic)) {
		return header{}, nil, errors.New("it is no contribution, version 1")
	}
	if len(b) < headerFixed {
		return header{}, nil, errors.New("it is cut short in its header")
	}
	rest := b[len(magic):]
	h.phase = rest[0]
	h.number = binary.BigEndian.Uint32(rest[1:])
	rest = rest[5:]
	rest = rest[copy(h.ceremony[:], rest):]
	rest = rest[copy(h.previous[:], rest):]
	n := int(rest[0])
	rest = rest[1:]
	switch {
	case n > MaxName:
		return header{}, nil, fmt.Errorf("its contributor's name has %d bytes, at most %d are allowed", n, MaxName)
	case len(rest) < n+8:
		return header{}, nil, errors.New("it is cut short in its header")
	}
	h.name = string(rest[:n])
	h.body = binary.BigEndian.Uint64(rest[n:])
	body = rest[n+8:]
	if h.body != uint64(len(body)) {
		return header{}, nil, fmt.Errorf("its body has %d bytes, and its header says %d: it is cut short, or not one file", len(body), h.body)
	}
	if h.phase != 1 && h.phase != 2 {
		return header{}, nil, fmt.Errorf("there is no phase %d", h.phase)
	}
	if n == 0 && !(h.phase == 2 && h.number == 0) {
		return header{}, nil, errors.New("its contributor's name is missing")
	}
	if n > 0 {
		err = checkLine("its contributor's name", h.name, MaxName)
	}
	return h, body, err
}

// contribution is a file that was read: its header fits its place, its body is laid out as it must be, and nothing more is known.
type contribution struct {
	header
	digest event.Digest // of the whole file
	body   []byte
}

func (c *contribution) record() Contribution { return Contribution{Digest: c.digest, Name: c.name} }

// parseContribution reads a file of a phase that should have the given number.
func (p *phase) parseContribution(b []byte, number int) (*contribution, error) {
	h, body, err := parseHeader(b)
	if err != nil {
		return nil, err
	}
	switch {
	case int(h.phase) != p.number:
		return nil, fmt.Errorf("it belongs to phase %d", h.phase)
	case h.ceremony != p.id:
		return nil, errors.New("it belongs to another ceremony")
	case int64(h.number) != int64(number):
		return nil, fmt.Errorf("it is contribution %d under a wrong name", h.number)
	case number == p.first && h.previous != p.origin:
		return nil, errors.New("it doesn't follow from where the phase starts")
	}
	if err := p.layout.check(body); err != nil {
		return nil, err
	}
	return &contribution{header: h, digest: sha256.Sum256(b), body: body}, nil
}
