package monitor

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/attestlog/attestlog/durable"
	"github.com/attestlog/attestlog/ledger/monitor/status"
	"github.com/attestlog/attestlog/ledger/verify"
)

// Alarm is something that a log did and should not have done. Once raised it stays.
type Alarm = status.Alarm

// Kind says what an alarm is about.
type Kind = status.Kind

// The kinds that are about heads and what is served, as package status explains them.
const (
	Fork        = status.Fork
	Rewrite     = status.Rewrite
	Rollback    = status.Rollback
	Withheld    = status.Withheld
	Hidden      = status.Hidden
	Tiles       = status.Tiles
	Altered     = status.Altered
	BadHead     = status.BadHead
	Unwitnessed = status.Unwitnessed
	Unreachable = status.Unreachable
	Stale       = status.Stale
)

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
	a.Detail = strings.ToValidUTF8(a.Detail[:min(len(a.Detail), status.MaxDetail)], "") // it may quote what a log served
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
		if err := durable.Replace(filepath.Join(l.dir, filepath.FromSlash(name)), f.content, 0o644); err != nil {
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
