package verify_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// mutator makes the corpus: with the log's key in hand, as a log can that means ill.
type mutator struct {
	*late
	witnesses []note.Signer
	good      *verify.Bundle
	file      []byte
	rows      []mutation
	policy    *verify.Policy
}

// noteKeys are the keys of a name for the seed of a letter: the test's own, of nobody.
func noteKeys(t *testing.T, name string, letter byte) (skey, vkey string) {
	t.Helper()
	vkey, err := note.NewEd25519VerifierKey(name, public(keyOf(letter)))
	if err != nil {
		t.Fatal(err)
	}
	hash := strings.Split(vkey, "+")[1]
	seed := append([]byte{1}, keyOf(letter).Seed()...)
	return "PRIVATE+KEY+" + name + "+" + hash + "+" + base64.StdEncoding.EncodeToString(seed), vkey
}

func writeCorpus(t *testing.T) {
	s := deferredStory(t)
	s.say("p/1", 'p', s.proven())
	s.say("op/1", 'o', s.h.revoke("bank/1", 'b', 4))
	s.say("op/1", 'o', s.h.register("idle/1", 'i', event.RoleService)) // in the tree, and nobody's ground
	for range 4 {
		s.say("idle/1", 'i', smallDataset().claims)
	}
	skey, vkey := noteKeys(t, origin, 'L')
	m := &mutator{late: s}
	m.paperLog = s.copyOf(t, skey, vkey)
	policy := "log " + vkey + "\n"
	for _, name := range []string{"north", "south"} {
		skey, vkey := noteKeys(t, name+".example/w", name[0])
		signer, err := fnote.NewSignerForCosignatureV1(skey)
		if err != nil {
			t.Fatal(err)
		}
		cosigner, err := fnote.VKeyToCosignatureV1(vkey)
		if err != nil {
			t.Fatal(err)
		}
		m.witnesses = append(m.witnesses, signer)
		policy += "witness " + name + " " + cosigner + "\n"
	}
	policy += "group both all north south\nquorum both\n"
	var err error
	if m.policy, err = verify.ParsePolicy([]byte(policy)); err != nil {
		t.Fatal(err)
	}
	m.good = m.about(m.paperLog, 4, 5, deferredAt)
	m.file = m.good.Encode()
	m.ofForm()
	m.ofHead()
	m.ofTree()
	m.ofEntries()
	m.ofLogs()
	list, err := json.MarshalIndent(m.rows, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"good.attestlog": m.file, "log.pub": []byte(vkey + "\n"), "policy": []byte(policy), "mutations.json": append(list, '\n')} {
		if err := os.MkdirAll(corpusDir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(corpusDir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// copyOf is the same log under another key.
func (l *paperLog) copyOf(t *testing.T, skey, vkey string) *paperLog {
	again := paperLogOf(t, skey, vkey)
	for _, leaf := range l.leaves {
		again.append(leaf)
	}
	for source, chain := range l.chains {
		again.chains[source] = chain
	}
	return again
}

// cosigned is a head of a log with the cosignatures of both witnesses.
func (m *mutator) cosigned(signed []byte, by ...note.Signer) []byte {
	m.t.Helper()
	opened, err := note.Open(signed, note.VerifierList(m.paperLog.key))
	if err != nil {
		m.t.Fatal(err)
	}
	again, err := note.Sign(opened, by...)
	if err != nil {
		m.t.Fatal(err)
	}
	return again
}

// about is a bundle against the log's cosigned head.
func (m *mutator) about(l *paperLog, asked ...int64) *verify.Bundle {
	m.t.Helper()
	head, err := verify.OpenHead(m.cosigned(l.note(), m.witnesses...), l.key)
	if err != nil {
		m.t.Fatal(err)
	}
	b, err := verify.GatherBundle(m.t.Context(), l, head, asked...)
	if err != nil {
		m.t.Fatal(err)
	}
	return b
}

// add keeps a mutation, with the error that it gives.
func (m *mutator) add(name, how string, file []byte) {
	m.t.Helper()
	_, err := judged(file, m.paperLog.key, m.policy)
	if err == nil {
		m.t.Errorf("%s: accepted", name)
		return
	}
	row := differing(m.file, file)
	row.Name, row.How, row.Error = name, how, err.Error()
	m.rows = append(m.rows, row)
}

// text replaces a text of the file where it first stands.
func (m *mutator) text(name, how, old, with string) {
	m.t.Helper()
	if !bytes.Contains(m.file, []byte(old)) {
		m.t.Fatalf("%s: the file has no %q", name, old)
	}
	m.add(name, how, bytes.Replace(m.file, []byte(old), []byte(with), 1))
}

func (m *mutator) ofForm() {
	file := string(m.file)
	lines := strings.SplitAfter(file, "\n")
	header := func(prefix string) string {
		i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, prefix) })
		return lines[i]
	}
	more := func(line string, by int) string {
		fields := strings.Fields(line)
		var n int
		fmt.Sscan(fields[len(fields)-1], &n)
		fields[len(fields)-1] = fmt.Sprint(n + by)
		return strings.Join(fields, " ") + "\n"
	}
	head, entries, first, hashes := header("head "), header("entries "), header("relied 0 "), header("hashes ")
	hash := lines[slices.Index(lines, hashes)+1]
	m.add("empty", "nothing is in the file", nil)
	m.text("another version", "the first line names another format", "bundle/v1", "bundle/v2")
	m.add("byte order mark", "the file begins with U+FEFF", append([]byte("\xef\xbb\xbf"), m.file...))
	m.add("cut in an entry", "the file ends after 3,000 bytes", m.file[:3000])
	m.add("cut in a hash", "the last byte, a newline, is missing", m.file[:len(m.file)-1])
	m.add("something behind", "a newline follows", append(bytes.Clone(m.file), '\n'))
	m.add("twice", "the file follows itself", append(bytes.Clone(m.file), m.file...))
	m.text("carriage return", "the first line ends in CR LF", "v1\n", "v1\r\n")
	m.text("head longer", "the note is said to have a byte more", head, more(head, 1))
	m.text("head shorter", "the note is said to have a byte less", head, more(head, -1))
	m.text("head with a leading zero", "the note's size begins with 0", "head ", "head 0")
	m.text("negative head", "the note's size has a sign", "head ", "head -")
	m.text("head too long", "the note is said to have 65,537 bytes", head, "head 65537\n")
	m.text("entries one more", "there is said to be one entry more", entries, more(entries, 1))
	m.text("entries one less", "there is said to be one entry less", entries, more(entries, -1))
	m.text("entries too many", "there are said to be 4,097 entries", entries, "entries 4097\n")
	m.text("no entries", "there are said to be none, and there are some", entries, "entries 0\n")
	m.text("another word", "an entry is neither asked about nor relied on", "relied 0 ", "wanted 0 ")
	m.text("capital letter", "a word is written otherwise", "asked 4 ", "Asked 4 ")
	m.text("index with a leading zero", "an index begins with 0", "asked 4 ", "asked 04 ")
	m.text("index with a sign", "an index begins with +", "asked 4 ", "asked +4 ")
	m.text("index too large", "an index is above 2^62", "asked 4 ", "asked 4611686018427387905 ")
	m.text("two spaces", "there are two between a word and an index", "asked 4 ", "asked  4 ")
	m.text("leaf longer", "a leaf is said to have a byte more", first, more(first, 1))
	m.text("leaf shorter", "a leaf is said to have a byte less", first, more(first, -1))
	m.text("leaf of no line", "a leaf is said to have 65,536 bytes", first, "relied 0 65536\n")
	m.text("hashes one more", "there is said to be one hash more", hashes, more(hashes, 1))
	m.text("hashes one less", "there is said to be one hash less", hashes, more(hashes, -1))
	m.text("hash without padding", "a hash's base64 has no padding", hash, strings.TrimRight(hash, "=\n")+"\n")
	m.text("hash in another alphabet", "the last letters of a hash's base64 have bits that say nothing", hash, hash[:42]+string(spare(hash[42]))+"=\n")
	m.text("hash of 31 bytes", "a hash is one byte short", hash, base64.StdEncoding.EncodeToString(make([]byte, 31))+"\n")
	m.bundle("in no order", "two entries change places", func(b *verify.Bundle) { b.Entries[0], b.Entries[1] = b.Entries[1], b.Entries[0] })
	m.bundle("an entry twice", "an entry stands twice", func(b *verify.Bundle) { b.Entries = slices.Insert(b.Entries, 1, b.Entries[0]) })
	m.bundle("about nothing", "no entry is asked about", func(b *verify.Bundle) {
		for i := range b.Entries {
			b.Entries[i].Asked = false
		}
	})
}

// spare is a letter of base64 for the same value with its lowest bit, which must be zero, set.
func spare(letter byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	return alphabet[strings.IndexByte(alphabet, letter)|1]
}

// bundle changes the good bundle, as a program has it.
func (m *mutator) bundle(name, how string, change func(*verify.Bundle)) {
	m.t.Helper()
	b := *m.good
	b.Entries, b.Hashes = slices.Clone(b.Entries), slices.Clone(b.Hashes)
	change(&b)
	m.add(name, how, b.Encode())
}

func (m *mutator) ofHead() {
	signedAs := func(name, how string, note []byte) {
		m.bundle(name, how, func(b *verify.Bundle) { b.Note = note })
	}
	plain := m.note()
	size := fmt.Sprintf("\n%d\n", len(m.leaves))
	signedAs("another size", "the head says one entry more", bytes.Replace(m.good.Note, []byte(size), fmt.Appendf(nil, "\n%d\n", len(m.leaves)+1), 1))
	signedAs("another log", "the head names another log", bytes.Replace(m.good.Note, []byte(origin), []byte("another.example/log"), 1))
	otherKey, otherVKey := noteKeys(m.t, origin, 'M')
	other := m.copyOf(m.t, otherKey, otherVKey)
	signedAs("another key", "a key of the same name signed the head, which isn't the log's", other.note())
	signedAs("not signed", "the log's signature is missing, those of the witnesses are there", without(m.good.Note, "— "+origin+" "))
	extended, err := note.Sign(&note.Note{Text: strings.SplitAfter(string(plain), "\n\n")[0][:len(strings.SplitAfter(string(plain), "\n\n")[0])-1] + "extension\n"}, m.signer)
	if err != nil {
		m.t.Fatal(err)
	}
	signedAs("head with an extension", "the log signed a head of four lines", extended)
	signedAs("nobody cosigned", "both cosignatures are missing", plain)
	signedAs("a witness missing", "the policy asks for two, and one cosigned", m.cosigned(plain, m.witnesses[0]))
	signedAs("cosigned by a stranger", "a witness that the policy doesn't know stands in for one", m.cosigned(plain, m.witnesses[0], m.stranger()))
	earlier := m.copyOf(m.t, otherKey, otherVKey)
	earlier.signer, earlier.key = m.signer, m.paperLog.key
	earlier.leaves, earlier.hashes = nil, nil
	for _, leaf := range m.leaves[:12] {
		earlier.append(leaf)
	}
	signedAs("an earlier head", "the log signed it, the witnesses cosigned it, and it is of a smaller tree", m.cosigned(earlier.note(), m.witnesses...))
	line := "— north.example/w "
	at := bytes.Index(m.good.Note, []byte(line)) + len(line) + 24
	bent := bytes.Clone(m.good.Note)
	bent[at] = map[bool]byte{true: 'B', false: 'A'}[bent[at] == 'A']
	signedAs("a cosignature that fails", "a byte of a witness's signature is another", bent)
}

func (m *mutator) stranger() note.Signer {
	skey, _ := noteKeys(m.t, "east.example/w", 'e')
	signer, err := fnote.NewSignerForCosignatureV1(skey)
	if err != nil {
		m.t.Fatal(err)
	}
	return signer
}

// without leaves out the line that begins so.
func without(text []byte, prefix string) []byte {
	lines := strings.SplitAfter(string(text), "\n")
	return []byte(strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, prefix) }), ""))
}

func (m *mutator) ofTree() {
	m.bundle("a hash changed", "one bit of one hash is another", func(b *verify.Bundle) { b.Hashes[0][7] ^= 1 })
	m.bundle("a hash missing", "the last one", func(b *verify.Bundle) { b.Hashes = b.Hashes[:len(b.Hashes)-1] })
	m.bundle("a hash too many", "the last one twice", func(b *verify.Bundle) { b.Hashes = append(b.Hashes, b.Hashes[len(b.Hashes)-1]) })
	m.bundle("no hashes", "all are missing", func(b *verify.Bundle) { b.Hashes = nil })
	if len(m.good.Hashes) > 1 {
		m.bundle("hashes exchanged", "two change places", func(b *verify.Bundle) { b.Hashes[0], b.Hashes[1] = b.Hashes[1], b.Hashes[0] })
	}
	m.bundle("a leaf changed", "the log's time in it is another", func(b *verify.Bundle) {
		b.Entries[0].Leaf = bytes.Replace(b.Entries[0].Leaf, []byte(`"logged":17`), []byte(`"logged":18`), 1)
	})
	m.bundle("a leaf of another entry", "two entries change leaves", func(b *verify.Bundle) {
		b.Entries[0].Leaf, b.Entries[1].Leaf = b.Entries[1].Leaf, b.Entries[0].Leaf
	})
	last := len(m.good.Entries) - 1
	m.bundle("an entry elsewhere", "the last one is said to be the next", func(b *verify.Bundle) { b.Entries[last].Index++ })
	m.bundle("an entry beyond the tree", "the last one is said to be the first after it", func(b *verify.Bundle) { b.Entries[last].Index = int64(len(m.leaves)) })
	m.bundle("an entry cut out", "the second is missing, and the hashes are as they were", func(b *verify.Bundle) { b.Entries = slices.Delete(b.Entries, 1, 2) })
}

// chosen is a bundle with other entries than belong to it, and with the right proof for them.
func (m *mutator) chosen(name, how string, asked []int64, relied ...int64) {
	m.t.Helper()
	b, err := verify.AssembleBundle(m.t.Context(), m.paperLog, m.good.Note, int64(len(m.leaves)), asked, relied)
	if err != nil {
		m.t.Fatal(err)
	}
	m.add(name, how, b.Encode())
}

func (m *mutator) ofEntries() {
	var relied []int64
	for _, e := range m.good.Entries {
		if !e.Asked {
			relied = append(relied, e.Index)
		}
	}
	asked := m.good.Asked()
	less := func(index int64) []int64 {
		return slices.DeleteFunc(slices.Clone(relied), func(i int64) bool { return i == index })
	}
	m.chosen("without the operator", "entry 0 is left out, and the proof is right", asked, less(0)...)
	m.chosen("without a statement", "the statement that a proof is under is left out", asked, less(1)...)
	m.chosen("without a source", "the registration of the source that signed is left out", asked, less(3)...)
	m.chosen("without a data set's controller", "the registration of the source that signed what the claims refer to is left out", asked, less(2)...)
	m.chosen("without what the claims refer to", "the data set is left out", []int64{5}, slices.DeleteFunc(slices.Clone(relied), func(i int64) bool { return i > 5 })...)
	m.chosen("without a prover", "the registration of the prover that attested is left out", asked, less(6)...)
	m.chosen("without an attestation", "a late proof is left out, and the prover is there", asked, less(deferredAt+1)...)
	m.chosen("one too many", "an entry is there on which nothing rests", asked, append(slices.Clone(relied), 11)...)
	m.chosen("asked about no more", "two entries that were asked about are said to be relied on", []int64{4}, append(slices.Clone(relied), 5, deferredAt)...)
}

// again is the log once more, under the same key.
func (m *mutator) again() *paperLog {
	skey, vkey := noteKeys(m.t, origin, 'L')
	return m.copyOf(m.t, skey, vkey)
}

// ill has the log write something that it must not, and says what a bundle about it comes to.
func (m *mutator) ill(name, how string, write func(l *paperLog)) {
	m.t.Helper()
	m.illAt(name, how, func(l *paperLog) int64 {
		write(l)
		return int64(len(l.leaves)) - 1
	})
}

// illAt is ill for a bundle about the entry that write names.
func (m *mutator) illAt(name, how string, write func(l *paperLog) int64) {
	m.t.Helper()
	l := m.again()
	at := write(l)
	m.add(name, how, m.about(l, at).Encode())
}

func (m *mutator) ofLogs() {
	none := event.Digest{}
	var access *event.DataAccessClaims
	if e, err := verify.OpenEntry(5, m.leaves[5]); err == nil {
		access = e.Event.Claims.(*event.DataAccessClaims)
	}
	old := func(event.Digest) []byte { return m.inline }
	proven := func(l *paperLog, claims event.Claims) *event.Event { return l.draft("gateway/1", claims, m.under) }
	attest := func(source string, key byte, c *event.AttestationClaims) func(*paperLog, event.Digest) {
		return func(l *paperLog, d event.Digest) {
			c.Event = d
			l.write(l.draft(source, c, none), key, nil)
		}
	}
	attested := func(name, how string, by ...func(*paperLog, event.Digest)) {
		m.illAt(name, how, func(l *paperLog) int64 {
			e := proven(l, access)
			e.Proof, e.Witness = event.ProofDeferred, event.Digest{9}
			d, at := l.write(e, 'g', nil), int64(len(l.leaves))-1
			for _, attest := range by {
				attest(l, d)
			}
			return at
		})
	}
	m.ill("by a key that nobody registered", "the log took an event that somebody else signed", func(l *paperLog) { l.write(l.draft("gateway/1", access, none), 'x', nil) })
	m.ill("by a key that was revoked", "the log took an event of a key after its revocation", func(l *paperLog) { l.write(l.draft("bank/1", smallDataset().claims, none), 'b', nil) })
	m.ill("by a source that nobody registered", "the log took an event of a stranger", func(l *paperLog) {
		l.write(l.draft("stranger/1", smallDataset().claims, none), 'x', nil)
	})
	m.ill("meant for another log", "the log took an event that names another", func(l *paperLog) {
		e := l.draft("gateway/1", access, none)
		e.Log = "another.example/log"
		l.write(e, 'g', nil)
	})
	m.ill("registered by a service", "the log took a registration that the operator didn't sign", func(l *paperLog) {
		l.write(l.draft("gateway/1", m.h.register("new/1", 'n', event.RoleService), none), 'g', nil)
	})
	m.ill("registered twice", "the log took a second registration of a source", func(l *paperLog) {
		l.write(l.draft("op/1", m.h.register("gateway/1", 'n', event.RoleService), none), 'o', nil)
	})
	m.ill("a key without consent", "the log took a registration of a key whose holder agreed to another one", func(l *paperLog) {
		c := m.h.register("new/1", 'n', event.RoleService)
		c.Key = public(keyOf('w'))
		l.write(l.draft("op/1", c, none), 'o', nil)
	})
	m.ill("a signature that fails", "the log took an event whose signature has one bit changed", func(l *paperLog) {
		l.write(l.draft("gateway/1", access, none), 'g', nil)
		l.rewriteLast(func(leaf *event.Leaf) { leaf.Envelope.Signature[9] ^= 1 })
	})
	m.ill("a statement that nobody registered", "the log took a proof under an unknown key", func(l *paperLog) {
		e := l.draft("gateway/1", access, event.DigestOf([]byte("unknown")))
		l.write(e, 'g', old)
	})
	m.ill("a proof without a proof", "the log took an event that says inline, and has none", func(l *paperLog) { l.write(proven(l, access), 'g', nil) })
	m.ill("a proof of another event", "a proof is used again", func(l *paperLog) { l.write(proven(l, access), 'g', old) })
	m.ill("a proof of other claims", "the claims say one record more than was proven", func(l *paperLog) {
		more := *access
		more.Records++
		l.write(proven(l, &more), 'g', old)
	})
	m.ill("a proof that is none", "the proof's first point is not on the curve", func(l *paperLog) {
		l.write(proven(l, access), 'g', func(event.Digest) []byte { return bytes.Repeat([]byte{0xa5}, 128) })
	})
	m.ill("a proof that nobody announced", "a proof stands beside an event that says none", func(l *paperLog) { l.write(l.draft("gateway/1", access, none), 'g', old) })
	m.ill("claims about something else", "a read of what is no data set", func(l *paperLog) {
		other := *access
		other.Dataset = m.digest
		l.write(l.draft("gateway/1", &other, none), 'g', nil)
	})
	m.ill("a purpose that nobody consented to", "the data set has no such purpose", func(l *paperLog) {
		other := *access
		other.Purpose = "resale"
		l.write(proven(l, &other), 'g', old)
	})
	brings := event.AttestationClaims{Outcome: event.OutcomeProven, Proof: m.proof}
	attested("attested by a service", "the log took an attestation by a source that is no prover", attest("gateway/1", 'g', &brings))
	attested("attested with another's proof", "the proof is one of another deferred event", attest("p/1", 'p', &brings))
	attested("refused twice", "two provers refuse",
		attest("p/1", 'p', &event.AttestationClaims{Outcome: event.OutcomeRefused, Reason: "unsatisfied"}),
		attest("p/2", 'q', &event.AttestationClaims{Outcome: event.OutcomeRefused, Reason: "undecryptable"}))
	m.illAt("claims before what they refer to", "a read of a data set that comes after it", func(l *paperLog) int64 {
		data := *smallDataset().claims
		data.Rows--
		after := l.draft("idle/1", &data, none)
		payload, err := after.Encode()
		if err != nil {
			m.t.Fatal(err)
		}
		other := *access
		other.Dataset = event.DigestOf(payload)
		l.write(l.draft("gateway/1", &other, none), 'g', nil)
		l.write(after, 'i', nil)
		return int64(len(l.leaves)) - 2
	})
	m.odd("a leaf that is none", "the log took what is not JSON", []byte("not a leaf"))
	m.odd("a leaf with white space", "the log took a leaf that is not canonical", append([]byte(" "), m.leaves[4]...))
	odd, err := (&event.Leaf{Submission: event.Submission{Envelope: event.Sign([]byte(`{"_type": "x"}`), keyOf('o'))}, Logged: 1700000000000}).Encode()
	if err != nil {
		m.t.Fatal(err)
	}
	m.odd("a payload that is none", "the log took a leaf whose payload is no event", odd)
}

// odd has the log take what is no entry.
func (m *mutator) odd(name, how string, leaf []byte) {
	m.t.Helper()
	l := m.again()
	l.append(leaf)
	last := int64(len(l.leaves)) - 1
	b, err := verify.AssembleBundle(m.t.Context(), l, m.cosigned(l.note(), m.witnesses...), last+1, []int64{0, last}, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	m.add(name, how, b.Encode())
}
