// Package check is what the verifier in the browser answers: one function for each thing that can be asked of it, from bytes and texts to
// an [Object] of texts, numbers and lists, which JavaScript takes as it is.
//
// It decides nothing. Every verdict is ledger/verify's, the same code that the server, the monitor and the command line run; what is
// here turns its reports into something that a page can show. So the package is plain Go, and is tested without a browser.
package check

import (
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/verify"
)

// Object is an answer. All have ok, and error where that is false.
type Object = map[string]any

// maxKey bounds a log's key as it is pasted, in bytes.
const maxKey = 4096

// titles are the steps of verifying, in words. A step that has none is shown under its own name.
var titles = map[string]string{
	"head":        "Head: the log’s signature",
	"witnesses":   "Cosignatures: your policy",
	"inclusion":   "Leaf hash and inclusion",
	"whole":       "Nothing is missing, nothing superfluous",
	"law":         "Each entry was its author’s to say",
	"source":      "The source’s signature",
	"references":  "What the claims refer to",
	"statement":   "The statement and its keys",
	"attestation": "The proof that came later",
	"proof":       "Claims, public inputs, Groth16 proof",
	"standing":    "Revocations since then",
	"consistency": "One history",
	"fork":        "Two histories",
}

func failed(err error) Object { return Object{"ok": false, "error": err.Error()} }

// outcome is an answer about steps, good if nothing went wrong.
func outcome(steps []any, err error) Object {
	if steps == nil {
		steps = []any{}
	}
	o := Object{"ok": err == nil, "steps": steps}
	if err != nil {
		o["error"] = err.Error()
	}
	return o
}

// stepObject is a step; about is the index of the entry that it is about, or -1.
func stepObject(about int64, s verify.Step) Object {
	title := titles[s.Name]
	if title == "" {
		title = s.Name
	}
	inputs := make([]any, len(s.Inputs))
	for i, in := range s.Inputs {
		inputs[i] = Object{"name": in.Name, "value": in.Value}
	}
	o := Object{"about": about, "name": s.Name, "title": title, "ok": s.Err == nil, "detail": s.Detail, "inputs": inputs}
	if s.Err != nil {
		o["detail"] = s.Err.Error()
	}
	return o
}

// key reads a log's key as it was pasted.
func key(vkey string) (note.Verifier, error) {
	if len(vkey) > maxKey {
		return nil, fmt.Errorf("a key of %d bytes is no log's", len(vkey))
	}
	v, err := note.NewVerifier(strings.TrimSpace(vkey))
	if err != nil {
		return nil, fmt.Errorf("that is no log’s key: %w", err)
	}
	return v, nil
}

// reader is who verifies: by a log's key, and a policy of witnesses or nil.
func reader(vkey, policy string) (note.Verifier, *verify.Policy, error) {
	k, err := key(vkey)
	if err != nil || strings.TrimSpace(policy) == "" {
		return k, nil, err
	}
	p, err := verify.ParsePolicy([]byte(policy))
	return k, p, err
}

// Key reads a log's key, as C2SP signed-note writes it.
func Key(vkey string) Object {
	k, err := key(vkey)
	if err != nil {
		return failed(err)
	}
	return Object{"ok": true, "key": strings.TrimSpace(vkey), "origin": k.Name(), "hash": fmt.Sprintf("%08x", k.KeyHash())}
}

// Policy reads a policy of witnesses.
func Policy(text string) Object {
	p, err := verify.ParsePolicy([]byte(text))
	if err != nil {
		return failed(err)
	}
	witnesses := make([]any, len(p.Witnesses))
	for i, w := range p.Witnesses {
		witnesses[i] = Object{"name": w.Name, "key": w.VKey}
	}
	return Object{"ok": true, "quorum": p.Quorum(), "witnesses": witnesses}
}

func headObject(h verify.Head) Object {
	return Object{"origin": h.Origin, "size": h.Size, "root": hex.EncodeToString(h.Root[:]), "note": string(h.Note)}
}

func texts(all []string) []any {
	out := make([]any, len(all))
	for i, s := range all {
		out[i] = s
	}
	return out
}

// steps are steps as they are done.
type steps struct {
	all  []any
	from []verify.Input
}

func (s *steps) use(name, value string) {
	s.from = append(s.from, verify.Input{Name: name, Value: value})
}

// done ends a step, and returns its error with the step's name.
func (s *steps) done(name, detail string, err error) error {
	s.all = append(s.all, stepObject(-1, verify.Step{Name: name, Detail: detail, Err: err, Inputs: s.from}))
	s.from = nil
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// open checks a head's signature, and its cosignatures where there is a policy.
func (s *steps) open(signed []byte, vkey, policy string) (verify.Head, note.Verifier, error) {
	k, p, err := reader(vkey, policy)
	if err != nil {
		return verify.Head{}, nil, err
	}
	r := verify.CheckHead(signed, k, p)
	for _, step := range r.Steps {
		s.all = append(s.all, stepObject(-1, step))
	}
	return r.Head, k, r.Err
}

// Head checks a signed head.
func Head(signed []byte, vkey, policy string) Object {
	var s steps
	h, _, err := s.open(signed, vkey, policy)
	o := outcome(s.all, err)
	if h.Origin != "" {
		o["head"] = headObject(h)
	}
	return o
}

// Receipt checks that a leaf is in the log, by its C2SP tlog-proof. Who wrote it, and whether what it says is proven, is for a bundle to show.
func Receipt(leaf, proof []byte, vkey, policy string) Object {
	r, err := verify.ParseReceipt(leaf, proof)
	if err != nil {
		return failed(err)
	}
	var s steps
	h, _, err := s.open(r.Note, vkey, policy)
	if err == nil {
		leafHash := verify.LeafHash(leaf)
		s.use(fmt.Sprintf("leaf hash of entry %d: SHA-256 of 0 and %d bytes", r.Index, len(leaf)), hex.EncodeToString(leafHash[:]))
		s.use("path from the leaf up", hashLines(r.Hashes))
		err = s.done("inclusion", fmt.Sprintf("entry %d is in the tree of %d entries", r.Index, h.Size), h.CheckInclusion(r.Index, leaf, r.Hashes))
	}
	var entry *verify.Entry
	if err == nil {
		entry, err = verify.OpenEntry(r.Index, leaf)
	}
	o := outcome(s.all, err)
	if h.Origin != "" {
		o["head"] = headObject(h)
	}
	if err == nil {
		o["entry"] = entryObject(entry)
		o["trusted"] = texts([]string{
			"Who wrote the entry, and whether what it says is proven: neither is in a leaf and its proof. The entry’s bundle has all that it takes.",
			"That the log shows everybody this same history: monitors and witnesses check that.",
		})
	}
	return o
}

// Consistency checks that one head continues another, with the hashes of an RFC 6962 consistency proof, one a line in hex. Heads of one
// size need none.
func Consistency(older, newer []byte, hashes, vkey string) Object {
	var s steps
	err := s.consistency(older, newer, hashes, vkey)
	return outcome(s.all, err)
}

func (s *steps) consistency(older, newer []byte, hashes, vkey string) error {
	k, err := key(vkey)
	if err != nil {
		return err
	}
	from, err := verify.OpenHead(older, k)
	if err != nil {
		return fmt.Errorf("the older head: %w", err)
	}
	to, err := verify.OpenHead(newer, k)
	if err != nil {
		return fmt.Errorf("the newer head: %w", err)
	}
	path, err := readHashes(hashes)
	if err != nil {
		return err
	}
	s.use(fmt.Sprintf("root of %d entries", from.Size), hex.EncodeToString(from.Root[:]))
	s.use(fmt.Sprintf("root of %d entries", to.Size), hex.EncodeToString(to.Root[:]))
	s.use("hashes", hashLines(path))
	detail := fmt.Sprintf("the tree of %d entries continues that of %d", to.Size, from.Size)
	if from.Size == to.Size {
		detail = fmt.Sprintf("both heads are of the same tree of %d entries", to.Size)
	}
	return s.done("consistency", detail, from.CheckConsistency(to, path))
}

// maxHashes is more than any consistency proof has.
const maxHashes = 128

func readHashes(lines string) ([][32]byte, error) {
	if len(lines) > 65*maxHashes {
		return nil, fmt.Errorf("the proof has %d bytes, and at most %d are allowed", len(lines), 65*maxHashes)
	}
	var all [][32]byte
	for _, line := range strings.Fields(lines) {
		b, err := hex.DecodeString(line)
		if err != nil || len(b) != 32 {
			return nil, fmt.Errorf("line %d of the proof is no hash in hex", len(all)+1)
		}
		all = append(all, [32]byte(b))
	}
	return all, nil
}

func hashLines(hashes [][32]byte) string {
	if len(hashes) == 0 {
		return "none"
	}
	lines := make([]string, len(hashes))
	for i := range hashes {
		lines[i] = hex.EncodeToString(hashes[i][:])
	}
	return strings.Join(lines, "\n")
}
