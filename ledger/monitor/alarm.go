package monitor

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/attestlog/attestlog/ledger/monitor/internal/store"
	"github.com/attestlog/attestlog/ledger/verify"
)

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

// Alarm is something that a log did and should not have done. Once raised it stays.
type Alarm struct {
	ID     string `json:"id"` // the same for the same thing, whoever finds it
	Log    string `json:"log"`
	Kind   Kind   `json:"kind"`
	Time   int64  `json:"time"` // milliseconds since 1970, this monitor's clock
	Detail string `json:"detail"`
	// Index is the entry that it is about; absent where it is about heads.
	Index *int64 `json:"index,omitempty"`
	// Sizes are those of the heads that it is about.
	Sizes []int64 `json:"sizes,omitempty"`
	// From is where what raised it came from: a log's address, a peer's, or "client".
	From string `json:"from,omitempty"`
	// Evidence names files in the log's directory under the monitor's; the first one is the main one.
	Evidence []string `json:"evidence,omitempty"`
}

// evidence is a file in the making.
type evidence struct {
	suffix  string // behind the alarm's id
	content []byte
}

// maxAlarms bounds how many alarms of one kind are latched for one log; further ones are counted.
const maxAlarms = 16

// alarmID names what an alarm is about.
func alarmID(origin string, kind Kind, about string) string {
	sum := sha256.Sum256([]byte(origin + "\n" + string(kind) + "\n" + about))
	return hex.EncodeToString(sum[:8])
}

// raise latches an alarm about something, unless there is one about it: it is in the journal when raise returns. l.mu is held.
func (l *Log) raise(kind Kind, about string, a Alarm, files ...evidence) error {
	a.ID, a.Log, a.Kind, a.Time = alarmID(l.origin, kind, about), l.origin, kind, l.cfg.Now().UnixMilli()
	if l.state.raised[a.ID] {
		return nil
	}
	if l.state.count(kind) >= maxAlarms {
		l.log.Error("alarm, one of too many to keep", "log", l.origin, "kind", kind, "detail", a.Detail)
		return l.commit(&change{Beyond: map[Kind]int64{kind: 1}})
	}
	for _, f := range files {
		name := fmt.Sprintf("evidence/%s-%s%s", kind, a.ID, f.suffix)
		if err := os.MkdirAll(filepath.Join(l.dir, "evidence"), 0o755); err != nil {
			return fmt.Errorf("couldn't keep evidence: %w", err)
		}
		if err := store.WriteFile(filepath.Join(l.dir, filepath.FromSlash(name)), f.content); err != nil {
			return fmt.Errorf("couldn't keep evidence: %w", err)
		}
		a.Evidence = append(a.Evidence, name)
	}
	if err := l.commit(&change{Alarms: []Alarm{a}}); err != nil {
		return err
	}
	l.log.Error("alarm", "log", l.origin, "kind", kind, "detail", a.Detail, "id", a.ID)
	l.tell()
	return nil
}

// forked raises the alarm about two contradictory heads, with evidence.
func (l *Log) forked(f *verify.Fork, from string) error {
	report, err := f.Check(l.key)
	if err != nil {
		return err
	}
	kind := Fork
	if report.First.Size < report.Second.Size {
		kind = Rewrite
	}
	about := fmt.Sprintf("%d %x %d %x", report.First.Size, report.First.Root, report.Second.Size, report.Second.Root)
	if !l.state.raised[alarmID(l.origin, kind, about)] {
		l.forks = appendFork(l.forks, f)
	}
	err = l.raise(kind, about, Alarm{Detail: report.String(), Sizes: []int64{report.First.Size, report.Second.Size}, From: from},
		evidence{".fork", f.Encode()})
	if err != nil || report.First.Size > l.tree.Size() || report.Second.Size <= l.tree.Size() {
		return err
	}
	// If the first head is of the history that this monitor has, the second never will be: there is nothing to follow up.
	if root, err := l.tree.Root(report.First.Size); err != nil || root != report.First.Root {
		return err
	}
	return l.reject(report.Second)
}

// maxForks bounds how many forks of one log are handed on to peers: one convinces.
const maxForks = 4

func appendFork(forks []*verify.Fork, f *verify.Fork) []*verify.Fork {
	if len(forks) >= maxForks {
		return forks
	}
	return append(forks[:len(forks):len(forks)], f)
}
