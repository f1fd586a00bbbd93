package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sys/unix"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/durable"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/gadget/fixed"
	"github.com/attestlog/attestlog/prover/statement"
)

// fraction is a flag with a number that is kept in units of 2^-16.
type fraction struct{ units int64 }

func (f fraction) MarshalText() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(f.units)/fixed.One, 'g', 6, 64), nil
}

func (f *fraction) UnmarshalText(b []byte) error {
	x, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.IsNaN(x) || x < 0 || x > 16 {
		return errors.New("want a number from 0 to 16, such as 0.5")
	}
	f.units = int64(math.Round(x * fixed.One))
	if f.units == 0 && x > 0 {
		return errors.New("the number is less than half of 2^-16, and would count as 0")
	}
	return nil
}

// parseLabel reads what is predicted, such as class=good: a column, and the value that counts as 1.
func parseLabel(s string, columns []event.Column) (event.Label, error) {
	name, value, ok := strings.Cut(s, "=")
	at := slices.IndexFunc(columns, func(c event.Column) bool { return c.Name == name })
	switch {
	case !ok:
		return event.Label{}, fmt.Errorf("want COLUMN=VALUE, such as class=good, not %q", s)
	case at < 0:
		return event.Label{}, fmt.Errorf("the data set has no column %q", name)
	}
	if c := columns[at].Coding.Category; c != nil {
		code := slices.Index(c.Labels, value)
		if code < 0 {
			return event.Label{}, fmt.Errorf("column %q has no label %q", name, value)
		}
		return event.Label{Column: name, Positive: int64(code)}, nil
	}
	c := columns[at].Coding.Integer
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < c.Min || n > c.Max {
		return event.Label{}, fmt.Errorf("column %q holds integers from %d to %d, and %q is none of them", name, c.Min, c.Max, value)
	}
	return event.Label{Column: name, Positive: n - c.Min}, nil
}

// values is how many values a column can have.
func values(c event.Coding) int64 {
	if c.Category != nil {
		return int64(len(c.Category.Labels))
	}
	return c.Integer.Max - c.Integer.Min + 1
}

func isDiverged(err error) bool { return errors.Is(err, statement.ErrDiverged) }

// trainingLog is the log as a training run sees it.
type trainingLog struct {
	r      *remote
	source string // who trains; empty if that isn't known
}

func (l *trainingLog) Key() note.Verifier { return l.r.Key() }

func (l *trainingLog) Newest(ctx context.Context, kind event.Kind, match func(*event.Event) bool) (*verify.Receipt, error) {
	at := int64(-1)
	err := l.r.EachEntry(ctx, client.Query{Kinds: []event.Kind{kind}, Source: l.source, Descending: true, Limit: 100}, func(e *verify.Entry) (more bool) {
		if match(e.Event) {
			at = e.Index
		}
		return at < 0
	})
	if err != nil || at < 0 {
		return nil, err
	}
	found, err := l.r.Entry(ctx, at)
	if err != nil {
		return nil, err
	}
	return &found.Receipt, nil
}

// folder is a directory that one command at a time writes to.
type folder struct {
	path string
	lock *os.File
}

// openFolder makes a directory, or goes on in one that no other command is using.
func openFolder(path string) (*folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("couldn't make the directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("couldn't lock the directory: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = errors.New("another command is using it")
		}
		return nil, errors.Join(fmt.Errorf("couldn't lock %s: %w", path, err), lock.Close())
	}
	return &folder{path, lock}, nil
}

func (f *folder) close() error { return f.lock.Close() }

func (f *folder) Read(name string, limit int64, secret bool) ([]byte, error) {
	path := filepath.Join(f.path, filepath.FromSlash(name))
	if secret {
		return readSecret(path, limit)
	}
	return readBounded(path, limit)
}

func (f *folder) Write(name string, b []byte, secret bool) error {
	path, mode := filepath.Join(f.path, filepath.FromSlash(name)), os.FileMode(0o644)
	if secret {
		mode = 0o600
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("couldn't make the directory: %w", err)
	}
	return durable.Replace(path, b, mode)
}
