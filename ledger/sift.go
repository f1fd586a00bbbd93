package ledger

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/internal/tilestore"
)

// What became of claims, as Query.Status names it, beside the states of a deferred proof.
const (
	StatusProven  = StateProven  // the log has verified a proof, that came with the event or later
	StatusClaimed = "claimed"    // nothing is proven, nor will be
	StatusWaiting = StateWaiting // as a deferred proof
	StatusRefused = StateRefused
)

// Conditions that no index knows are decided by looking at entries, one after the other: so many for a page at most, whatever it holds then.
const (
	maxSifted      = 3000
	maxSiftedBytes = 16 << 20
	siftStep       = 1000
	// maxSifting is how many pages are looked for at once: anybody may ask, and submissions need the processors, too.
	maxSifting = 2
)

// siftInTurn waits until fewer than maxSifting other pages are looked for. done gives the place back.
func (l *Ledger) siftInTurn(ctx context.Context) (done func(), err error) {
	select {
	case l.sifting <- struct{}{}:
		return func() { <-l.sifting }, nil
	case <-ctx.Done():
		return nil, unavailable(ctx.Err(), "the log looks through its entries for others: try again later")
	}
}

// sieve decides what of a query is decided by looking at leaves. It reads what it must of them and no more: a leaf is decoded when it passes.
// It is for one goroutine.
type sieve struct {
	ledger    *Ledger
	status    string
	statement []byte // as it stands in a payload; nil for any
	text      finder
	payload   []byte // kept from leaf to leaf
}

// newSieve is nil where a query's conditions are all in indexes. It may narrow the kinds that are looked at; none tells that nothing can pass.
func (l *Ledger) newSieve(ctx context.Context, q *Query) (s *sieve, none bool, err error) {
	if q.Status == "" && q.Statement.IsZero() && q.Text == "" {
		return nil, false, nil
	}
	s = &sieve{ledger: l, status: q.Status, text: newFinder(q.Text)}
	only := func(may func(event.Kind) bool) {
		if q.Kinds == nil {
			q.Kinds = event.Kinds()
		}
		q.Kinds = slices.DeleteFunc(slices.Clone(q.Kinds), func(k event.Kind) bool { return !may(k) })
		none = len(q.Kinds) == 0
	}
	if q.Status != "" && q.Status != StatusClaimed {
		only(event.Kind.Provable)
	}
	if !q.Statement.IsZero() {
		registry, err := l.registry(ctx)
		if err != nil {
			return nil, false, err
		}
		state, ok := registry.Statement(q.Statement)
		if !ok {
			return s, true, nil
		}
		only(func(k event.Kind) bool { return k == state.Claims.Proves })
		s.statement = []byte(`,"statement":"` + q.Statement.String() + `","time":`)
	}
	return s, none, nil
}

// sift tells which of some rows pass.
func (s *sieve) sift(ctx context.Context, rows []tilestore.Row) ([]bool, error) {
	pass := make([]bool, len(rows))
	deferred := map[int]event.Digest{}
	for i := range rows {
		leaf := rows[i].Leaf
		status, ok := s.open(leaf)
		if !ok {
			pass[i] = true // damaged: whoever decodes it says so
			continue
		}
		pass[i] = (s.statement == nil || bytes.Contains(s.payload, s.statement)) && s.text.in(s.payload)
		if pass[i] && s.status != "" && status == StatusWaiting {
			deferred[i] = event.DigestOf(s.payload)
		} else {
			pass[i] = pass[i] && (s.status == "" || s.status == status)
		}
	}
	if len(deferred) == 0 {
		return pass, nil
	}
	digests := make([]event.Digest, 0, len(deferred))
	for _, d := range deferred {
		digests = append(digests, d)
	}
	found, err := s.ledger.store.Attested(ctx, digests)
	if err != nil {
		return nil, refuseRead(err, "")
	}
	for i, d := range deferred {
		became := Deferral{Proven: -1, Refused: -1}
		if a, ok := found[d]; ok {
			became = Deferral(a)
		}
		pass[i] = became.State() == s.status
	}
	return pass, nil
}

var (
	leafWithProof = []byte(`{"attestation":`)
	payloadOpens  = []byte(`"envelope":{"payload":"`)
	claimsClose   = []byte(`},"predicateType":"`)
	witnessMember = []byte(`"witness":"`)
)

// open takes the payload out of a leaf and tells what its claims are: proven, claimed, or waiting for all whose proof was deferred. As in
// countLeaves, a canonical leaf's members stand where they stand, and claims can't imitate them.
func (s *sieve) open(leaf []byte) (status string, ok bool) {
	at := bytes.Index(leaf, payloadOpens)
	if at < 0 {
		return "", false
	}
	encoded := leaf[at+len(payloadOpens):]
	end := bytes.IndexByte(encoded, '"')
	if end < 0 {
		return "", false
	}
	var err error
	if s.payload, err = base64.StdEncoding.AppendDecode(s.payload[:0], encoded[:end]); err != nil {
		return "", false
	}
	if bytes.HasPrefix(leaf, leafWithProof) {
		return StatusProven, true
	}
	at = bytes.Index(s.payload, claimsClose) - len(witnessMember) - 2*len(event.Digest{}) - 1
	if at >= 0 && bytes.HasPrefix(s.payload[at:], witnessMember) {
		return StatusWaiting, true
	}
	return StatusClaimed, true
}

// finder finds a text in the strings of canonical JSON: in values and not in names, across upper and lower case as Unicode folds them.
type finder struct {
	folded []byte // what is looked for; empty for anything
	plain  bool   // it is ASCII, and stands in JSON as it stands here
	digits []byte // its longest run of digits, which have no case: where they don't stand, nor does the text
	fold   cases.Caser
	lower  []byte // kept from payload to payload
}

func newFinder(text string) finder {
	f := finder{fold: cases.Fold()}
	f.folded = f.fold.Bytes(norm.NFC.Bytes([]byte(text)))
	f.plain = !slices.ContainsFunc(f.folded, func(b byte) bool { return b >= 0x80 || b < ' ' || b == '"' || b == '\\' })
	for _, run := range bytes.FieldsFunc(f.folded, func(r rune) bool { return r < '0' || r > '9' }) {
		if len(run) > len(f.digits) {
			f.digits = run
		}
	}
	return f
}

// in tells whether a string of a canonical JSON value has the text.
func (f *finder) in(value []byte) bool {
	if len(f.folded) == 0 {
		return true
	}
	if !bytes.Contains(value, f.digits) {
		return false
	}
	ascii := true
	f.lower = append(f.lower[:0], value...)
	for i, b := range f.lower {
		if 'A' <= b && b <= 'Z' {
			f.lower[i] = b + 'a' - 'A'
		}
		ascii = ascii && b < 0x80
	}
	if f.plain && ascii && !bytes.Contains(f.lower, f.folded) {
		return false
	}
	for at := 0; at < len(value); {
		open := bytes.IndexByte(value[at:], '"')
		if open < 0 {
			return false
		}
		open += at
		end, escaped := open+1, false
		for end < len(value) && value[end] != '"' {
			if value[end] == '\\' {
				escaped = true
				end++
			}
			end++
		}
		if end >= len(value) {
			return false
		}
		at = end + 1
		if name := at < len(value) && value[at] == ':'; !name && f.inString(value[open:at], f.lower[open:at], escaped) {
			return true
		}
	}
	return false
}

// inString looks into one string, in quotes; lower is the same in lower case, where it is ASCII.
func (f *finder) inString(quoted, lower []byte, escaped bool) bool {
	if !escaped && !slices.ContainsFunc(quoted, func(b byte) bool { return b >= 0x80 }) {
		return bytes.Contains(lower[1:len(lower)-1], f.folded)
	}
	var text string
	if json.Unmarshal(quoted, &text) != nil {
		return false
	}
	return strings.Contains(f.fold.String(text), string(f.folded))
}
