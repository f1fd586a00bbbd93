package status

import (
	"crypto/sha256"
	"encoding/hex"
)

// Report is what a monitor says of itself. Times are milliseconds since 1970 by the monitor's clock, and 0 where there is none.
type Report struct {
	Version string     `json:"version,omitempty"` // of the program
	Time    int64      `json:"time,omitempty"`    // when the report was made
	Since   int64      `json:"since,omitempty"`   // when the monitor was started
	Logs    []Standing `json:"logs"`              // in the order in which they were configured
	Peers   []Peer     `json:"peers,omitempty"`
}

// Of finds what a report says of a log; false if the monitor doesn't follow it.
func (r *Report) Of(origin string) (Standing, bool) {
	for _, s := range r.Logs {
		if s.Log == origin {
			return s, true
		}
	}
	return Standing{}, false
}

// Standing is how it stands with a log.
type Standing struct {
	Log      string         `json:"log"`                // its origin
	Since    int64          `json:"since,omitempty"`    // since when it is followed
	Law      bool           `json:"law"`                // its entries are held against attestlog's law, and not only rebuilt into the tree
	Size     int64          `json:"size"`               // entries that were taken from it, and judged if it has a law
	Head     string         `json:"head,omitempty"`     // the largest head that was reached: a signed note
	HeadSize int64          `json:"headSize"`           // of it
	HeadSeen int64          `json:"headSeen,omitempty"` // when it was seen
	Target   int64          `json:"target,omitempty"`   // size of the head that is being followed up
	Pending  int            `json:"pending,omitempty"`  // heads that are to be followed up
	Contact  int64          `json:"contact,omitempty"`  // when the log last showed a head
	Trouble  []string       `json:"trouble,omitempty"`  // what is wrong now, and may pass
	Alarms   []Alarm        `json:"alarms"`
	Beyond   map[Kind]int64 `json:"beyond,omitempty"` // further alarms of these kinds, which were only counted
}

// Raised is how many alarms there are, with those that were only counted.
func (s *Standing) Raised() int64 {
	n := int64(len(s.Alarms))
	for _, more := range s.Beyond {
		n += more
	}
	return n
}

// Peer is another monitor with which this one gossips.
type Peer struct {
	URL     string `json:"url"`             // without a user's name and password
	Asked   int64  `json:"asked,omitempty"` // when it was last spoken to
	Spoke   int64  `json:"spoke,omitempty"` // when it last answered
	Trouble bool   `json:"trouble"`         // the last time it was spoken to, it didn't answer as it should
}

// Alarm is something that a log did and should not have done. Once raised it stays.
type Alarm struct {
	ID     string `json:"id"` // the same for the same thing, whoever finds it
	Log    string `json:"log"`
	Kind   Kind   `json:"kind"`
	Time   int64  `json:"time"`
	Detail string `json:"detail"`
	// Index is the entry that it is about; absent where it is about heads.
	Index *int64 `json:"index,omitempty"`
	// Sizes are those of the heads that it is about.
	Sizes []int64 `json:"sizes,omitempty"`
	// From is where what raised it came from: a log's address, a peer's, or "client".
	From string `json:"from,omitempty"`
	// Evidence names files, each evidence/FILE; the first one is the main one.
	Evidence []string `json:"evidence,omitempty"`
}

// Kind says what an alarm is about. Where an entry breaks the law of an attestlog log it is the rule's name: those of package verify
// (bad-signature, revoked-key, wrong-key, unknown-source, not-permitted, sequence-gap, sequence-fork, unknown-reference, …), or malformed, logged-back, proof-invalid.
type Kind string

const (
	// Fork: the log's key signed two roots for one size. Evidence: verify.Fork.
	Fork Kind = "fork"
	// Rewrite: it signed a head that doesn't continue a smaller one. Evidence: verify.Fork.
	Rewrite Kind = "rewrite"
	// Rollback: a log shows a smaller head than it did before, from the same place. Evidence: both notes.
	Rollback Kind = "rollback"
	// Withheld: a log doesn't serve a tile or a bundle that a head of its promises. Evidence: the note.
	Withheld Kind = "withheld"
	// Hidden: others were shown a larger head than the log shows here. Evidence: the note.
	Hidden Kind = "hidden"
	// Tiles: the hash tiles that a log serves don't lead to the root that it signed. Evidence: the note.
	Tiles Kind = "tiles"
	// Altered: an entry that a log serves is not the one whose hash is in its tree. Evidence: the note, the entry as it was served, and
	// the proof of the hash that is in the tree.
	Altered Kind = "altered"
	// BadHead: what a log serves as its head is not signed by its key, or no head. Evidence: what it served.
	BadHead Kind = "bad-head"
	// Unwitnessed: a log's head lacks the cosignatures that the policy for it asks for. Evidence: the note.
	Unwitnessed Kind = "unwitnessed"
	// Unreachable: a log has shown no head for a long time.
	Unreachable Kind = "unreachable"
	// Stale: a log's head hasn't grown for a long time, nor was it cosigned anew.
	Stale Kind = "stale"
)

// TwoHistories tells whether alarms of this kind say that the log's key signed two histories.
func (k Kind) TwoHistories() bool { return k == Fork || k == Rewrite }

// LogDir names a log in paths: the SHA-256 of its origin in hex.
func LogDir(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return hex.EncodeToString(sum[:])
}
