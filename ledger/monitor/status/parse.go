package status

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/attestlog/attestlog/ledger/verify"
)

// Limits of a report.
const (
	MaxReport = 16 << 20 // bytes
	// MaxDetail bounds what an alarm or trouble says, in bytes.
	MaxDetail   = 8 << 10
	maxLogs     = 256
	maxPeers    = 256
	maxOrigin   = 256
	maxText     = 2 << 10 // an address, a version
	maxKinds    = 128
	maxAlarms   = 4096 // of a log
	maxTroubles = 4096 // of a log
	maxSizes    = 8
	maxEvidence = 8
	maxNumber   = 1<<53 - 1
)

// Parse reads a report strictly.
func Parse(text []byte) (*Report, error) {
	if len(text) > MaxReport {
		return nil, fmt.Errorf("not a monitor's report: it has more than %d bytes", MaxReport)
	}
	r := &Report{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(r)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("something follows it")
		}
	}
	if err == nil && !utf8.Valid(text) {
		err = errors.New("it is not UTF-8")
	}
	if err == nil {
		err = r.check()
	}
	if err != nil {
		return nil, fmt.Errorf("not a monitor's report: %w", err)
	}
	return r, nil
}

func (r *Report) check() error {
	if r.Logs == nil {
		return errors.New("it names no logs")
	}
	if len(r.Logs) > maxLogs || len(r.Peers) > maxPeers {
		return fmt.Errorf("it has %d logs and %d peers, and at most %d and %d are allowed", len(r.Logs), len(r.Peers), maxLogs, maxPeers)
	}
	err := errors.Join(within("version", r.Version, maxText), numbers(r.Time, r.Since))
	seen := map[string]bool{}
	for i := range r.Logs {
		s := &r.Logs[i]
		if seen[s.Log] {
			return fmt.Errorf("it has log %q twice", s.Log)
		}
		seen[s.Log] = true
		if bad := s.check(); bad != nil {
			return errors.Join(err, fmt.Errorf("log %q: %w", s.Log, bad))
		}
	}
	for _, p := range r.Peers {
		err = errors.Join(err, within("a peer's address", p.URL, maxText), numbers(p.Asked, p.Spoke))
	}
	return err
}

func (s *Standing) check() error {
	if s.Alarms == nil {
		return errors.New("it doesn't say which alarms there are")
	}
	if len(s.Alarms) > maxAlarms || len(s.Trouble) > maxTroubles || len(s.Beyond) > maxKinds {
		return fmt.Errorf("%d alarms, of %d kinds more, and %d troubles: at most %d, %d and %d are allowed", len(s.Alarms), len(s.Beyond), len(s.Trouble), maxAlarms, maxKinds, maxTroubles)
	}
	err := errors.Join(origin(s.Log), within("the head", s.Head, verify.MaxNote), numbers(s.Since, s.Size, s.HeadSize, s.HeadSeen, s.Target, int64(s.Pending), s.Contact))
	for _, t := range s.Trouble {
		err = errors.Join(err, within("a trouble", t, MaxDetail))
	}
	for kind, n := range s.Beyond {
		err = errors.Join(err, kind.check(), numbers(n))
	}
	for i := range s.Alarms {
		a := &s.Alarms[i]
		if bad := a.check(s.Log); bad != nil {
			return fmt.Errorf("alarm %d: %w", i+1, bad)
		}
	}
	return err
}

func (a *Alarm) check(log string) error {
	if a.Log != log {
		return errors.New("it is about another log")
	}
	if !lower(a.ID, 16, "0123456789abcdef") || len(a.ID) != 16 {
		return fmt.Errorf("its id %q is not of 16 hex digits", a.ID)
	}
	if len(a.Sizes) > maxSizes || len(a.Evidence) > maxEvidence {
		return fmt.Errorf("it has %d sizes and %d files, and at most %d and %d are allowed", len(a.Sizes), len(a.Evidence), maxSizes, maxEvidence)
	}
	err := errors.Join(a.Kind.check(), numbers(a.Time), numbers(a.Sizes...), within("its detail", a.Detail, MaxDetail), within("where it is from", a.From, maxText))
	if a.Index != nil {
		err = errors.Join(err, numbers(*a.Index))
	}
	for _, name := range a.Evidence {
		if !evidence(name) {
			err = errors.Join(err, fmt.Errorf("%q is no name of evidence", name))
		}
	}
	return err
}

func (k Kind) check() error {
	if !lower(string(k), 64, "abcdefghijklmnopqrstuvwxyz-") {
		return fmt.Errorf("%q is no kind of alarm", string(k))
	}
	return nil
}

// evidence tells whether a name is that of a file of evidence, and of nothing else that may lie on a disk.
func evidence(name string) bool {
	file, ok := strings.CutPrefix(name, "evidence/")
	return ok && lower(file, 128, "abcdefghijklmnopqrstuvwxyz0123456789-.") && !strings.HasPrefix(file, ".")
}

// lower tells whether a name is of certain characters, at least one and at most so many.
func lower(name string, most int, of string) bool {
	return name != "" && len(name) <= most && strings.Trim(name, of) == "" && strings.IndexFunc(name, func(r rune) bool { return !strings.ContainsRune(of, r) }) < 0
}

func origin(name string) error {
	if name == "" {
		return errors.New("it has no name")
	}
	return within("its name", name, maxOrigin)
}

func within(what, s string, most int) error {
	if len(s) > most {
		return fmt.Errorf("%s has %d bytes, and at most %d are allowed", what, len(s), most)
	}
	return nil
}

func numbers(all ...int64) error {
	for _, n := range all {
		if n < 0 || n > maxNumber {
			return fmt.Errorf("%d is out of range", n)
		}
	}
	return nil
}
