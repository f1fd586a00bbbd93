package ceremony

import (
	"bytes"
	"testing"

	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/event/canon"
	"github.com/attestlog/attestlog/prover/gadget"
)

// square is X² = Y with a commitment: the least that has all parts.
type square struct {
	X frontend.Variable
	Y frontend.Variable `gnark:",public"`
}

func (c *square) Define(api frontend.API) error {
	api.AssertIsEqual(api.Mul(c.X, c.X), c.Y)
	h, err := api.(frontend.Committer).Commit(c.X)
	if err != nil {
		return err
	}
	api.AssertIsDifferent(h, 0)
	return nil
}

func compileSquare() (constraint.ConstraintSystem, error) { return gadget.Compile(&square{}) }

// phases are the two phases of a ceremony for square, each with the files of one contribution.
func phases(f *testing.F) (list []*phase, files [][]byte) {
	c, err := Init(f.Context(), f.TempDir(), Statement{"square", compileSquare}, Options{})
	if err != nil {
		f.Fatal(err)
	}
	for phase, beacon := range [][]byte{bytes.Repeat([]byte{1}, 16), nil} {
		if _, err := c.Contribute(f.Context(), "Ada"); err != nil {
			f.Fatal(err)
		}
		p, err := c.open()
		if err != nil {
			f.Fatal(err)
		}
		file, err := readFile(p.path(1), 1<<20)
		if err != nil {
			f.Fatal(err)
		}
		list, files = append(list, p), append(files, file)
		if phase == 0 {
			if _, err := c.Seal(f.Context(), Beacon{beacon, "test"}); err != nil {
				f.Fatal(err)
			}
		}
	}
	return list, files
}

// FuzzContribution reads files as a ceremony does. What is accepted is written again in the same bytes, and can be verified
// against and contributed to without a panic; no more is known of it, since anybody can make points.
func FuzzContribution(f *testing.F) {
	list, files := phases(f)
	for _, file := range files {
		f.Add(file)
		f.Add(file[:headerFixed])
		f.Add(file[:len(file)-1])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for i, p := range list {
			c, err := p.parseContribution(b, 1)
			if err != nil {
				continue
			}
			if header := c.header.encode(); !bytes.Equal(header, b[:len(header)]) || !bytes.Equal(c.body, b[len(header):]) {
				t.Fatal("a header has two forms")
			}
			s, err := p.state(c)
			if err != nil {
				continue
			}
			again, err := p.encode(1, c.previous, c.name, s)
			if err != nil || !bytes.Equal(again, b) {
				t.Fatal("a contribution has two forms", err)
			}
			good, err := p.parseContribution(files[i], 1)
			if err != nil {
				t.Fatal(err)
			}
			prev, err := p.state(good)
			if err != nil {
				t.Fatal(err)
			}
			if err := prev.verify(s); err == nil {
				t.Fatal("a contribution that doesn't name what it follows is verified")
			}
			s.Contribute()
		}
	})
}

// FuzzRecords reads the JSON files: what is accepted has one form.
func FuzzRecords(f *testing.F) {
	m := Manifest{Constraints: 3, N: 4, Statement: "square"}
	p := phase1Manifest{N: 4}
	record := PhaseRecord{Beacon{bytes.Repeat([]byte{1}, 16), "test"}, []Contribution{{event.Digest{1}, "Ada"}, {event.Digest{2}, "Blaise"}}}
	s := sealedPhase1{PhaseRecord: record}
	t := Transcript{N: 4, Phase1: record, Phase2: record, ProvingKeySize: 1, Statement: "square"}
	for _, members := range []func(*canon.Object){m.members, p.members, s.members, t.members} {
		b, err := canon.Encode(members)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, members := range []func(*canon.Object){new(Manifest).members, new(phase1Manifest).members, new(sealedPhase1).members, new(Transcript).members} {
			if canon.Decode(b, members) != nil {
				continue
			}
			if again, err := canon.Encode(members); err != nil || !bytes.Equal(again, b) {
				t.Fatal("a record has two forms", err)
			}
		}
	})
}

// The layouts are those of what gnark writes.
func TestLayout(t *testing.T) {
	c, err := Init(t.Context(), t.TempDir(), Statement{"square", compileSquare}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	start, err := c.phase1.start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := start.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if err := c.phase1.layout.check(b.Bytes()); err != nil {
		t.Error(err)
	}
	if n := c.phase1.layout.size; n != 3*96+8+64+6*32+3*64+8*32+33 {
		t.Errorf("%d bytes", n)
	}
}
