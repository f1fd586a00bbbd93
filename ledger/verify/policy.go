package verify

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Limits of a policy file.
const (
	MaxPolicy     = 64 << 10 // bytes of a file
	maxPolicyList = 64       // logs, witnesses, and groups, each; the specification asks for 32
)

// Policy says which witnesses must have cosigned a head for it to be believed: a C2SP tlog-policy. It is the reader's own choice, and
// comes from nobody who is to be checked by it.
type Policy struct {
	// Logs are the logs that the policy knows; none means any, which the reader then pins by other means.
	Logs []note.Verifier
	// Witnesses are those that the policy knows, in the file's order.
	Witnesses []Witness

	quorum *quorum // nil: no cosignature is needed
}

// Witness is who cosigns heads that continue all those that it saw before.
type Witness struct {
	Name string // in the policy, and nowhere else
	Key  note.Verifier
	VKey string   // the key as it stands in the policy
	URL  *url.URL // where it takes checkpoints (C2SP tlog-witness, submission prefix), or nil
}

// quorum is a witness, or a group of which a number must have witnessed.
type quorum struct {
	name    string
	witness int // index among the policy's witnesses; -1 for a group
	need    int
	members []*quorum
}

// ParsePolicy reads a policy file, as c2sp.org/tlog-policy describes it. An error names the line.
func ParsePolicy(text []byte) (*Policy, error) {
	if len(text) > MaxPolicy {
		return nil, fmt.Errorf("couldn't read the policy: it has %d bytes, and at most %d are allowed", len(text), MaxPolicy)
	}
	r := &policyReader{policy: &Policy{}, names: map[string]*quorum{}, members: map[string]bool{}, keys: map[string]bool{}}
	for i, line := range strings.Split(string(text), "\n") {
		if err := r.line(line); err != nil {
			return nil, fmt.Errorf("couldn't read the policy: line %d: %w", i+1, err)
		}
	}
	if !r.decided {
		return nil, errors.New("couldn't read the policy: it has no quorum line; \"quorum none\" asks for no cosignatures")
	}
	return r.policy, nil
}

type policyReader struct {
	policy  *Policy
	names   map[string]*quorum
	members map[string]bool // names that are a group's or the quorum already: each witness counts in one way only
	keys    map[string]bool // public keys: nobody counts twice under two names
	groups  int
	decided bool
}

func (r *policyReader) line(line string) error {
	for i := range len(line) {
		if c := line[i]; c != '\t' && (c < 0x20 || c == 0x7f) {
			return fmt.Errorf("byte %d is the control character %#02x", i+1, c)
		}
	}
	fields := strings.FieldsFunc(line, func(c rune) bool { return c == ' ' || c == '\t' })
	if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
		return nil
	}
	switch word, rest := fields[0], fields[1:]; {
	case word == "log" && (len(rest) == 1 || len(rest) == 2):
		return r.log(rest)
	case word == "witness" && (len(rest) == 2 || len(rest) == 3):
		return r.witness(rest)
	case word == "group" && len(rest) >= 3:
		return r.group(rest[0], rest[1], rest[2:])
	case word == "quorum" && len(rest) == 1:
		return r.decide(rest[0])
	case slices.Contains([]string{"log", "witness", "group", "quorum"}, word):
		return fmt.Errorf("%q has %d items; write log VKEY [URL], witness NAME VKEY [URL], group NAME all|any|NUMBER NAME…, or quorum NAME", word, len(rest))
	default:
		return fmt.Errorf("%q is not log, witness, group or quorum", clipText(word))
	}
}

func (r *policyReader) log(rest []string) error {
	key, err := note.NewVerifier(rest[0])
	if err != nil {
		return fmt.Errorf("%q is not a log's key: %w", clipText(rest[0]), err)
	}
	if len(r.policy.Logs) == maxPolicyList {
		return fmt.Errorf("there are more than %d logs", maxPolicyList)
	}
	r.policy.Logs = append(r.policy.Logs, key)
	if len(rest) == 2 {
		if _, err := prefixURL(rest[1]); err != nil {
			return err
		}
	}
	return r.fresh("log", rest[0])
}

func (r *policyReader) witness(rest []string) error {
	key, err := newCosigner(rest[1])
	if err != nil {
		return fmt.Errorf("%q is not a witness's key: %w", clipText(rest[1]), err)
	}
	w := Witness{Name: rest[0], Key: key, VKey: rest[1]}
	if len(rest) == 3 {
		if w.URL, err = prefixURL(rest[2]); err != nil {
			return err
		}
	}
	if len(r.policy.Witnesses) == maxPolicyList {
		return fmt.Errorf("there are more than %d witnesses", maxPolicyList)
	}
	if err := r.fresh("witness", rest[1]); err != nil {
		return err
	}
	r.policy.Witnesses = append(r.policy.Witnesses, w)
	return r.define(&quorum{name: w.Name, witness: len(r.policy.Witnesses) - 1})
}

// keyMaterial is the signature's type and the public key, of a vkey that was read before: its third part.
func keyMaterial(vkey string) string {
	key, err := base64.StdEncoding.DecodeString(strings.SplitN(vkey, "+", 3)[2])
	if err != nil {
		panic("verify: a vkey that was read is not base64") // can't be
	}
	return string(key)
}

// fresh refuses a key that stands there already, under whatever name.
func (r *policyReader) fresh(what, vkey string) error {
	material := what + keyMaterial(vkey)[1:]
	if r.keys[material] {
		return fmt.Errorf("the key of this %s stands there twice", what)
	}
	r.keys[material] = true
	return nil
}

func (r *policyReader) define(q *quorum) error {
	if q.name == "none" {
		return errors.New(`the name "none" is taken: it stands for no quorum`)
	}
	if r.names[q.name] != nil {
		return fmt.Errorf("the name %q stands there twice", clipText(q.name))
	}
	r.names[q.name] = q
	return nil
}

func (r *policyReader) group(name, need string, members []string) error {
	g := &quorum{name: name, witness: -1}
	if r.groups++; r.groups > maxPolicyList || len(members) > 2*maxPolicyList {
		return fmt.Errorf("there are more than %d groups, or more members than there can be", maxPolicyList)
	}
	for _, m := range members {
		q, err := r.take(m)
		if err != nil {
			return err
		}
		g.members = append(g.members, q)
	}
	switch need {
	case "all":
		g.need = len(members)
	case "any":
		g.need = 1
	default:
		n, err := strconv.Atoi(need)
		if err != nil || strconv.Itoa(n) != need || n < 1 || n > len(members) {
			return fmt.Errorf("%q of %d members is no threshold: write all, any, or a number from 1 to %d", clipText(need), len(members), len(members))
		}
		g.need = n
	}
	return r.define(g)
}

// take finds a name that is defined and takes it into a group, or as quorum: once.
func (r *policyReader) take(name string) (*quorum, error) {
	q := r.names[name]
	if q == nil {
		return nil, fmt.Errorf("%q is neither a witness nor a group of the lines before", clipText(name))
	}
	if r.members[name] {
		return nil, fmt.Errorf("%q is a member already: nobody counts twice", clipText(name))
	}
	r.members[name] = true
	return q, nil
}

func (r *policyReader) decide(name string) (err error) {
	if r.decided {
		return errors.New("there is a quorum line already")
	}
	r.decided = true
	if name == "none" {
		return nil
	}
	r.policy.quorum, err = r.take(name)
	return err
}

// prefixURL reads the URL of a log or witness.
func prefixURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("%q is not an http or https URL without query", clipText(text))
	}
	return u, nil
}

func clipText(s string) string {
	if len(s) > 80 {
		s = strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}

// Knows tells whether the policy is about the log with this key: one that it lists, or any if it lists none.
func (p *Policy) Knows(key note.Verifier) bool {
	return len(p.Logs) == 0 || slices.ContainsFunc(p.Logs, func(l note.Verifier) bool {
		return l.Name() == key.Name() && l.KeyHash() == key.KeyHash()
	})
}

// Satisfied tells whether cosignatures by these witnesses, as indices of Witnesses, are enough.
func (p *Policy) Satisfied(by func(witness int) bool) bool {
	return p.quorum == nil || p.quorum.met(by)
}

func (q *quorum) met(by func(int) bool) bool {
	if q.witness >= 0 {
		return by(q.witness)
	}
	n := 0
	for _, m := range q.members {
		if m.met(by) {
			n++
		}
	}
	return n >= q.need
}

// Quorum says in words what is needed, such as "2 of (north, south, 1 of (east, west))".
func (p *Policy) Quorum() string {
	if p.quorum == nil {
		return "none"
	}
	return p.quorum.String()
}

func (q *quorum) String() string {
	if q.witness >= 0 {
		return q.name
	}
	names := make([]string, len(q.members))
	for i, m := range q.members {
		names[i] = m.String()
	}
	return fmt.Sprintf("%d of (%s)", q.need, strings.Join(names, ", "))
}

// Cosignature is a witness's word that a head continues all heads of that log which it saw, as of a time (C2SP tlog-cosignature).
type Cosignature struct {
	Witness int       // index among the policy's witnesses
	Time    time.Time // the witness's clock, to the second
	Line    []byte    // the signature line of the note, with its newline
}

// QuorumError says that too few witnesses have cosigned a head.
type QuorumError struct {
	Need string   // as Policy.Quorum says it
	By   []string // who has
}

func (e *QuorumError) Error() string {
	by := "nobody whom the policy knows"
	if len(e.By) > 0 {
		by = strings.Join(e.By, ", ")
	}
	return fmt.Sprintf("the policy asks for cosignatures by %s, and the head has those of %s", e.Need, by)
}

// Open opens a signed note under a log's key, and finds the cosignatures of the policy's witnesses. Where they don't make a quorum
// the error is a *[QuorumError], and head and cosignatures are returned beside it. A cosignature by a witness of the policy that
// doesn't verify makes the note invalid; those of others are not looked at.
func (p *Policy) Open(signed []byte, key note.Verifier) (Head, []Cosignature, error) {
	return p.openBy(OpenHead, signed, key)
}

// OpenCheckpoint is Open for any log, as [OpenCheckpoint] is.
func (p *Policy) OpenCheckpoint(signed []byte, key note.Verifier) (Head, []Cosignature, error) {
	return p.openBy(OpenCheckpoint, signed, key)
}

func (p *Policy) openBy(open func([]byte, note.Verifier) (Head, error), signed []byte, key note.Verifier) (Head, []Cosignature, error) {
	if !p.Knows(key) {
		return Head{}, nil, fmt.Errorf("the policy is not about the log %s+%08x", key.Name(), key.KeyHash())
	}
	head, err := open(signed, key)
	if err != nil {
		return head, nil, err
	}
	cosignatures, err := p.cosignatures(signed)
	if err != nil {
		return head, nil, err
	}
	by := make([]bool, len(p.Witnesses))
	names := make([]string, len(cosignatures))
	for i, c := range cosignatures {
		by[c.Witness] = true
		names[i] = p.Witnesses[c.Witness].Name
	}
	if !p.Satisfied(func(i int) bool { return by[i] }) {
		return head, cosignatures, &QuorumError{Need: p.Quorum(), By: names}
	}
	return head, cosignatures, nil
}

// cosignatures verifies those of the policy's witnesses, and gives them in the order of the witnesses, one each.
func (p *Policy) cosignatures(signed []byte) ([]Cosignature, error) {
	if len(p.Witnesses) == 0 {
		return nil, nil
	}
	known := make([]note.Verifier, len(p.Witnesses))
	for i, w := range p.Witnesses {
		known[i] = w.Key
	}
	opened, err := note.Open(signed, note.VerifierList(known...))
	var unverified *note.UnverifiedNoteError
	if errors.As(err, &unverified) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't open the head's cosignatures: %w", err)
	}
	var all []Cosignature
	for _, sig := range opened.Sigs {
		at, err := cosignedAt(sig)
		if err != nil {
			return nil, fmt.Errorf("couldn't read the time of %s's cosignature: %w", sig.Name, err)
		}
		i := slices.IndexFunc(p.Witnesses, func(w Witness) bool { return w.Key.Name() == sig.Name && w.Key.KeyHash() == sig.Hash })
		all = append(all, Cosignature{Witness: i, Time: at, Line: fmt.Appendf(nil, "— %s %s\n", sig.Name, sig.Base64)})
	}
	slices.SortStableFunc(all, func(a, b Cosignature) int { return a.Witness - b.Witness })
	return all, nil
}
