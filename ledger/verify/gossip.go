package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Limits of what is exchanged at once.
const (
	MaxGossip      = 1 << 20 // bytes
	MaxGossipNotes = 64
	MaxGossipForks = 16
)

// Gossip is what monitors and clients tell each other: signed heads, verbatim, of any logs, and evidence of forks. Nothing in it is believed that
// its log's key didn't sign.
type Gossip struct {
	Checkpoints [][]byte
	Forks       []*Fork
}

// gossipWire is its JSON form; the texts are UTF-8, as notes and evidence are.
type gossipWire struct {
	Checkpoints []string `json:"checkpoints"`
	Forks       []string `json:"forks,omitempty"`
}

// Encode makes the JSON text {"checkpoints":[note…],"forks":[evidence…]}. More than the limits allow is left out from the end.
func (g *Gossip) Encode() []byte {
	w := gossipWire{Checkpoints: []string{}}
	size := 64
	fits := func(b []byte) bool {
		size += 2*len(b) + 8 // newlines are escaped; notes and evidence have little else that is
		return size <= MaxGossip
	}
	for _, f := range g.Forks {
		if b := f.Encode(); len(w.Forks) < MaxGossipForks && fits(b) {
			w.Forks = append(w.Forks, string(b))
		}
	}
	for _, n := range g.Checkpoints {
		if len(w.Checkpoints) < MaxGossipNotes && fits(n) {
			w.Checkpoints = append(w.Checkpoints, string(n))
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(w); err != nil {
		panic("verify: strings have no JSON form: " + err.Error()) // can't be
	}
	return b.Bytes()
}

// ParseGossip reads such a text strictly. Notes and evidence have to be checked.
func ParseGossip(text []byte) (*Gossip, error) {
	fail := func(err error) (*Gossip, error) { return nil, fmt.Errorf("not gossip: %w", err) }
	if len(text) > MaxGossip {
		return fail(fmt.Errorf("it has %d bytes, and at most %d are allowed", len(text), MaxGossip))
	}
	var w gossipWire
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&w); err != nil {
		return fail(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fail(errors.New("something follows it"))
	}
	if len(w.Checkpoints) > MaxGossipNotes || len(w.Forks) > MaxGossipForks {
		return fail(fmt.Errorf("it has %d checkpoints and %d forks, and at most %d and %d are allowed", len(w.Checkpoints), len(w.Forks), MaxGossipNotes, MaxGossipForks))
	}
	g := &Gossip{}
	for i, n := range w.Checkpoints {
		if len(n) > MaxNote {
			return fail(fmt.Errorf("checkpoint %d has %d bytes, and at most %d are allowed", i+1, len(n), MaxNote))
		}
		g.Checkpoints = append(g.Checkpoints, []byte(n))
	}
	for i, text := range w.Forks {
		f, err := ParseFork([]byte(text))
		if err != nil {
			return fail(fmt.Errorf("fork %d: %w", i+1, err))
		}
		g.Forks = append(g.Forks, f)
	}
	return g, nil
}

// NoteOrigin is the first line of a signed note: which log it says it is of.
func NoteOrigin(signed []byte) (string, error) {
	origin, _, found := bytes.Cut(signed, []byte("\n"))
	if !found || len(origin) == 0 || len(origin) > 256 {
		return "", errors.New("the note doesn't begin with a line that names its log")
	}
	return string(origin), nil
}
