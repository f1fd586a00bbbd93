package verify

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"

	"github.com/attestlog/attestlog/ledger/event"
)

// Registry is the log's law about who may say what: a fold over its source and statement entries in the order of their
// indices. Validity is by position in the log, never by a clock: an event is valid at its index if the key that signed it was the source's at that index.
//
// It knows nothing of the numbering of sources (Chain) and of what claims refer to (Evidence and the ledger look that up).
// A Registry is not safe for concurrent use; Clone gives another one.
type Registry struct {
	origin     string
	operator   string // the source of entry 0
	sources    map[string]*SourceState
	holders    map[event.Digest]string // every key that was ever registered, recovery keys too → whose
	statements map[event.Digest]*StatementState
	provers    []string // sources that registered a recipient, in order
}

// SourceState is what the log knows of a source.
type SourceState struct {
	Name       string
	Role       event.SourceRole
	Registered int64             // index of its registration
	Recovery   ed25519.PublicKey // nil if none was named
	Recipient  string            // of a prover: whom witnesses are sealed to; empty if it takes none
	Epoch      int               // 1 at first; one more after every rotation by the operator alone
	Keys       []KeyState        // in the order in which they were the source's; the last one may be live
}

// KeyState is one key of a source.
type KeyState struct {
	Key   ed25519.PublicKey
	ID    event.Digest
	Since int64 // index of the entry that brought it
	Until int64 // index of the entry that ended it; −1 while it is live
	Epoch int
	// Revoked tells whether it was revoked, while it was live or after it was rotated out. RevokedBy is then the index of that entry,
	// and Doubt the index from which its events are in doubt; −1 if none are.
	Revoked   bool
	RevokedBy int64
	Doubt     int64
}

// Live is the key that may sign now; nil if it was revoked and nothing followed.
func (s *SourceState) Live() *KeyState {
	if last := &s.Keys[len(s.Keys)-1]; last.Until < 0 {
		return last
	}
	return nil
}

// key finds a key that is or was the source's.
func (s *SourceState) key(public ed25519.PublicKey) *KeyState {
	for i := range s.Keys {
		if bytes.Equal(s.Keys[i].Key, public) {
			return &s.Keys[i]
		}
	}
	return nil
}

// StatementState is what the log knows of a statement.
type StatementState struct {
	ID         event.Digest // SHA-256 of the verifying key
	Registered int64        // index of its registration
	Claims     *event.StatementClaims
	Revoked    int64 // index of the revocation; −1 if it stands
	Doubt      int64 // index from which its events are in doubt; −1 if none are
}

// NewRegistry is the registry of an empty log.
func NewRegistry(origin string) *Registry {
	return &Registry{
		origin:     origin,
		sources:    map[string]*SourceState{},
		holders:    map[event.Digest]string{},
		statements: map[event.Digest]*StatementState{},
	}
}

// Clone is a registry that changes independently of r.
func (r *Registry) Clone() *Registry {
	c := &Registry{origin: r.origin, operator: r.operator, holders: maps.Clone(r.holders), provers: slices.Clone(r.provers),
		sources: make(map[string]*SourceState, len(r.sources)), statements: make(map[event.Digest]*StatementState, len(r.statements))}
	for name, s := range r.sources {
		copied := *s
		copied.Keys = slices.Clone(s.Keys)
		c.sources[name] = &copied
	}
	for id, s := range r.statements {
		copied := *s
		c.statements[id] = &copied
	}
	return c
}

// Origin is the log's name.
func (r *Registry) Origin() string { return r.origin }

// Operator is the name of the source that entry 0 registers; empty in an empty log.
func (r *Registry) Operator() string { return r.operator }

// Source is a copy of what is known of a source.
func (r *Registry) Source(name string) (SourceState, bool) {
	s, ok := r.sources[name]
	if !ok {
		return SourceState{}, false
	}
	copied := *s
	copied.Keys = slices.Clone(s.Keys)
	return copied, true
}

// Sources are the names of all sources, sorted.
func (r *Registry) Sources() []string { return slices.Sorted(maps.Keys(r.sources)) }

// Provers are the provers that take witnesses now: those that have a live key and registered a recipient, in the order of their
// registration. A deferred event's witness is sealed to all of them. A prover of which a key was revoked is out for good: whoever stole
// the key may have the identity, too.
func (r *Registry) Provers() []SourceState {
	var live []SourceState
	for _, name := range r.provers {
		if s, _ := r.Source(name); s.Live() != nil && !s.everRevoked() {
			live = append(live, s)
		}
	}
	return live
}

// everRevoked tells whether a key of the source was revoked, and not only replaced.
func (s SourceState) everRevoked() bool {
	return slices.ContainsFunc(s.Keys, func(k KeyState) bool { return k.Revoked })
}

// Statement is what is known of a statement, by its verifying key's digest.
func (r *Registry) Statement(id event.Digest) (StatementState, bool) {
	s, ok := r.statements[id]
	if !ok {
		return StatementState{}, false
	}
	return *s, true
}

// statementAt is what was known of a statement just before an index.
func (r *Registry) statementAt(id event.Digest, index int64) (StatementState, bool) {
	s, ok := r.Statement(id)
	if !ok || s.Registered >= index {
		return StatementState{}, false
	}
	if s.Revoked >= index {
		s.Revoked, s.Doubt = -1, -1
	}
	return s, true
}

// Statements are all statements in the order of their registration.
func (r *Registry) Statements() []StatementState {
	var all []StatementState
	for _, s := range r.statements {
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b StatementState) int { return int(a.Registered - b.Registered) })
	return all
}

// Signer is the key under which the event's envelope must verify at this point of the log. It does not check the signature.
func (r *Registry) Signer(e *event.Event, keyID event.Digest) (ed25519.PublicKey, error) {
	if len(r.sources) == 0 {
		return r.founder(e, keyID)
	}
	s, ok := r.sources[e.Source]
	if !ok {
		return nil, violates(RuleUnknownSource, "no source %q is registered with this log; its operator registers it with a source event", e.Source)
	}
	if live := s.Live(); live != nil && live.ID == keyID {
		return live.Key, nil
	}
	if c, ok := e.Claims.(*event.SourceClaims); ok && c.Source == e.Source && len(s.Recovery) > 0 && event.KeyID(s.Recovery) == keyID &&
		(c.Action == event.SourceRotate || c.Action == event.SourceRevoke) {
		return s.Recovery, nil
	}
	if i := slices.IndexFunc(s.Keys, func(k KeyState) bool { return k.ID == keyID }); i >= 0 {
		advice := "; sign with its current key"
		if s.Live() == nil {
			advice = ", and the source has no other now; its recovery key or the log's operator can give it one"
		}
		return nil, violates(RuleRevokedKey, "key %s of source %q ended at entry %d%s", keyID, e.Source, s.Keys[i].Until, advice)
	}
	return nil, violates(RuleWrongKey, "key %s is not the key of source %q", keyID, e.Source)
}

// founder is the signer of entry 0: the key that it registers.
func (r *Registry) founder(e *event.Event, keyID event.Digest) (ed25519.PublicKey, error) {
	c, ok := e.Claims.(*event.SourceClaims)
	if !ok || c.Action != event.SourceRegister || c.Role != event.RoleOperator || c.Source != e.Source {
		return nil, violates(RuleUnknownSource, "the first entry of a log registers its operator, by the operator's own word")
	}
	if event.KeyID(c.Key) != keyID {
		return nil, violates(RuleWrongKey, "the first entry is signed by the key that it registers")
	}
	return c.Key, nil
}

// Judge tells whether e, whose envelope was verified under the key that Signer gave for keyID, may be the entry at index, after all that
// was applied. Its errors are *Violation. It checks the consent of new keys, so it costs one Ed25519 verification where a key comes.
func (r *Registry) Judge(index int64, e *event.Event, keyID event.Digest) error {
	if e.Log != r.origin {
		return violates(RuleWrongLog, "the event is meant for the log %q; this one is %q", e.Log, r.origin)
	}
	if _, err := r.Signer(e, keyID); err != nil {
		return err
	}
	if err := r.permit(e); err != nil {
		return err
	}
	switch c := e.Claims.(type) {
	case *event.SourceClaims:
		return r.judgeSource(index, e, c, keyID)
	case *event.StatementClaims:
		return r.judgeStatement(index, c)
	}
	if e.Proof == event.ProofNone {
		return nil
	}
	return r.judgeProven(e)
}

// permit holds the event's kind against the role of its source.
func (r *Registry) permit(e *event.Event) error {
	role := event.RoleOperator // of entry 0; Signer saw to that
	if s, ok := r.sources[e.Source]; ok {
		role = s.Role
	}
	want := role
	switch c := e.Claims.(type) {
	case *event.SourceClaims:
		if c.Action == event.SourceRegister || c.Source != e.Source {
			want = event.RoleOperator
		}
	case *event.StatementClaims, *event.PolicyClaims, *event.SealClaims:
		want = event.RoleOperator
	case *event.AttestationClaims:
		want = event.RoleProver
	}
	if role != want {
		return violates(RuleNotPermitted, "source %q is registered as %s; this takes the role %s", e.Source, role, want)
	}
	return nil
}

func (r *Registry) judgeSource(index int64, e *event.Event, c *event.SourceClaims, keyID event.Digest) error {
	s, known := r.sources[c.Source]
	switch c.Action {
	case event.SourceRegister:
		switch {
		case known:
			return violates(RuleClaims, "source %q is registered already, by entry %d; rotate its key instead", c.Source, s.Registered)
		case c.Role == event.RoleOperator && len(r.sources) > 0:
			return violates(RuleNotPermitted, "a log has one operator: the one that entry 0 registers")
		case bytes.Equal(c.Key, c.Recovery):
			return violates(RuleClaims, "the recovery key must be another key")
		case len(c.Recovery) > 0 && r.holders[event.KeyID(c.Recovery)] != "":
			return violates(RuleClaims, "the recovery key is registered already, for source %q", r.holders[event.KeyID(c.Recovery)])
		}
		return r.judgeNewKey(c)
	case event.SourceRotate:
		if !known {
			return violates(RuleUnknownSource, "no source %q is registered", c.Source)
		}
		return r.judgeNewKey(c)
	default: // revoke
		if !known {
			return violates(RuleUnknownSource, "no source %q is registered", c.Source)
		}
		k := s.key(c.Key)
		switch {
		case k == nil:
			return violates(RuleClaims, "key %s never was the key of source %q", event.KeyID(c.Key), c.Source)
		case k.Revoked:
			return violates(RuleClaims, "key %s was revoked already, by entry %d", event.KeyID(c.Key), k.RevokedBy)
		case c.From >= index:
			return violates(RuleClaims, "from is entry %d, which is not before this one (%d)", c.From, index)
		case c.Source == r.operator && k.Until < 0 && len(s.Recovery) == 0:
			return violates(RuleNotPermitted, "without a recovery key the log would have no operator any more; rotate the key instead")
		}
		return nil
	}
}

// judgeNewKey checks that nobody has the key yet and that its holder consents.
func (r *Registry) judgeNewKey(c *event.SourceClaims) error {
	if holder := r.holders[event.KeyID(c.Key)]; holder != "" {
		return violates(RuleClaims, "key %s is or was registered already, for source %q; a key serves once", event.KeyID(c.Key), holder)
	}
	if !ed25519.Verify(c.Key, event.ConsentMessage(r.origin, c.Source, c.Key, c.Recovery, c.Recipient), c.Consent) {
		return violates(RuleSignature, "the consent is not signed by the new key over this log's origin, the source, the key, the recovery key and the recipient")
	}
	return nil
}

func (r *Registry) judgeStatement(index int64, c *event.StatementClaims) error {
	if c.Action == event.StatementRegister {
		if s, known := r.statements[StatementID(c.VerifyingKey)]; known {
			return violates(RuleClaims, "this verifying key is registered already, by entry %d", s.Registered)
		}
		return r.judgeName(c)
	}
	s, known := r.statements[c.Statement]
	switch {
	case !known:
		return violates(RuleUnknownStatement, "no statement %s is registered", c.Statement)
	case s.Revoked >= 0:
		return violates(RuleClaims, "statement %s was revoked already, by entry %d", c.Statement, s.Revoked)
	case c.From >= index:
		return violates(RuleClaims, "from is entry %d, which is not before this one (%d)", c.From, index)
	}
	return nil
}

// judgeName keeps the names of imported statements unmistakable: no statement that stands has the same. Of a circuit of attestlog's own, by contrast, there may
// be several keys.
func (r *Registry) judgeName(c *event.StatementClaims) error {
	for _, s := range r.statements {
		if s.Claims.Name == c.Name && s.Revoked < 0 && (c.Proves == event.Custom || s.Claims.Proves == event.Custom) {
			return violates(RuleClaims, "the name %s is that of a statement that stands, of entry %d; choose another, or revoke that one first", c.Name, s.Registered)
		}
	}
	return nil
}

// judgeProven checks that the statement which a proven event names is registered for its kind and stands.
func (r *Registry) judgeProven(e *event.Event) error {
	s, known := r.statements[e.Statement]
	switch {
	case !known:
		return violates(RuleUnknownStatement, "no statement %s is registered with this log", e.Statement)
	case s.Revoked >= 0:
		return violates(RuleRevokedStatement, "statement %s (%s) was revoked by entry %d", e.Statement, s.Claims.Name, s.Revoked)
	case s.Claims.Proves != e.Kind():
		return violates(RuleUnknownStatement, "statement %s (%s) proves events of kind %s, not %s", e.Statement, s.Claims.Name, s.Claims.Proves, e.Kind())
	}
	return nil
}

// Admit judges an entry, its signature included, and applies it.
func (r *Registry) Admit(e *Entry) error {
	signer, err := r.Signer(e.Event, e.Leaf.Envelope.KeyID)
	if err == nil {
		err = e.Leaf.Envelope.Verify(signer)
	}
	if err == nil {
		err = r.Judge(e.Index, e.Event, e.Leaf.Envelope.KeyID)
	}
	if err != nil {
		return fmt.Errorf("entry %d: %w", e.Index, err)
	}
	r.Apply(e.Index, e.Event, e.Leaf.Envelope.KeyID)
	return nil
}

// AdmitAll admits entries one after another, with their signatures checked on all processors. The error is about the first entry that isn't to be
// admitted; the registry may have been told of it and of later ones by then, and is of no more use.
func (r *Registry) AdmitAll(entries []*Entry) error {
	signers := make([]ed25519.PublicKey, 0, len(entries))
	var unlawful error
	for _, e := range entries {
		keyID := e.Leaf.Envelope.KeyID
		signer, err := r.Signer(e.Event, keyID)
		if err == nil {
			signers = append(signers, signer)
			err = r.Judge(e.Index, e.Event, keyID)
		}
		if err != nil {
			unlawful = fmt.Errorf("entry %d: %w", e.Index, err)
			break
		}
		r.Apply(e.Index, e.Event, keyID)
	}
	// What was judged so far counts only if nobody forged it. Of one entry, the signature comes before the law.
	forged := make([]error, len(signers))
	inParallel(len(signers), func(i int) { forged[i] = entries[i].Leaf.Envelope.Verify(signers[i]) })
	for i, err := range forged {
		if err != nil {
			return fmt.Errorf("entry %d: %w", entries[i].Index, err)
		}
	}
	return unlawful
}

// Changes tells whether an event of this kind changes a registry at all.
func Changes(k event.Kind) bool { return k == event.Source || k == event.Statement }

// Apply records that e, which Judge let pass, is the entry at index.
func (r *Registry) Apply(index int64, e *event.Event, keyID event.Digest) {
	switch c := e.Claims.(type) {
	case *event.SourceClaims:
		r.applySource(index, e, c, keyID)
	case *event.StatementClaims:
		r.applyStatement(index, c)
	}
}

func (r *Registry) applySource(index int64, e *event.Event, c *event.SourceClaims, keyID event.Digest) {
	s := r.sources[c.Source]
	switch c.Action {
	case event.SourceRegister:
		if len(r.sources) == 0 {
			r.operator = c.Source
		}
		s = &SourceState{Name: c.Source, Role: c.Role, Registered: index, Recovery: c.Recovery, Recipient: c.Recipient, Epoch: 1}
		r.sources[c.Source] = s
		if c.Recipient != "" {
			r.provers = append(r.provers, c.Source)
		}
		if len(c.Recovery) > 0 {
			r.holders[event.KeyID(c.Recovery)] = c.Source
		}
	case event.SourceRotate:
		if live := s.Live(); live != nil {
			live.Until = index
		}
		if e.Source != c.Source {
			s.Epoch++
		}
	case event.SourceRevoke:
		k := s.key(c.Key)
		k.Revoked, k.RevokedBy = true, index
		if k.Until < 0 {
			k.Until = index
		}
		if c.From > 0 {
			k.Doubt = c.From
		}
		return
	}
	id := event.KeyID(c.Key)
	s.Keys = append(s.Keys, KeyState{Key: c.Key, ID: id, Since: index, Until: -1, Epoch: s.Epoch, RevokedBy: -1, Doubt: -1})
	r.holders[id] = c.Source
}

func (r *Registry) applyStatement(index int64, c *event.StatementClaims) {
	if c.Action == event.StatementRegister {
		id := StatementID(c.VerifyingKey)
		r.statements[id] = &StatementState{ID: id, Registered: index, Claims: c, Revoked: -1, Doubt: -1}
		return
	}
	s := r.statements[c.Statement]
	s.Revoked = index
	if c.From > 0 {
		s.Doubt = c.From
	}
}
