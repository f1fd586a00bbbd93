package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/durable"
	"github.com/attestlog/attestlog/ledger/verify"
)

// memoryFile is where the head of the log with this key is remembered.
func (l *logFlags) memoryFile(key string) string {
	dir := l.memory
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "" // nowhere: then every command starts afresh
		}
		dir = filepath.Join(cache, "attestlog", "heads")
	}
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(dir, hex.EncodeToString(sum[:16]))
}

// recall reads what earlier commands were shown: heads, the newest first, and evidence of forks, in the form in which monitors take them.
func (r *remote) recall() (*verify.Gossip, error) {
	if r.memory == "" {
		return nil, nil
	}
	b, err := readBounded(r.memory, verify.MaxGossip)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	g := &verify.Gossip{Checkpoints: [][]byte{b}} // a single head, as earlier versions remembered it
	if bytes.HasPrefix(b, []byte("{")) {
		if g, err = verify.ParseGossip(b); err != nil {
			return nil, fmt.Errorf("couldn't recall what the log showed before: %s: %w", r.memory, err)
		}
	}
	r.seen = b
	if len(g.Checkpoints) > 0 {
		r.known = g.Checkpoints[0]
	}
	return g, nil
}

// remember keeps what the log showed, and evidence against it, for the next command. What another command was shown meanwhile stays, and must be
// of the same history: otherwise the error is an alarm of the client's.
func (r *remote) remember(ctx context.Context) error {
	if r.memory == "" {
		return nil
	}
	for {
		alarm, err := r.rejoin(ctx)
		if err != nil {
			return err
		}
		if stored, err := r.store(); stored || err != nil {
			return errors.Join(alarm, err)
		}
	}
}

// rejoin takes what other commands remembered since this one began. That the log can't be asked about it now is no error: no head is lost by that,
// and the next command asks again.
func (r *remote) rejoin(ctx context.Context) (alarm, err error) {
	before := r.seen
	theirs, err := r.recall()
	if err != nil || theirs == nil || bytes.Equal(before, r.seen) {
		return nil, err
	}
	var contradiction *client.Alarm
	if err := r.Recall(ctx, theirs); errors.As(err, &contradiction) {
		return err, nil
	}
	return nil, nil
}

// store writes the memory, unless another command did since it was read.
func (r *remote) store() (stored bool, err error) {
	seen := r.Seen()
	if len(seen.Checkpoints) == 0 && len(seen.Forks) == 0 {
		return true, nil
	}
	b := seen.Encode()
	if bytes.Equal(b, r.seen) {
		return true, nil
	}
	dir := filepath.Dir(r.memory)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, fmt.Errorf("couldn't remember the head: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return false, fmt.Errorf("couldn't remember the head: %w", err)
	}
	defer lock.Close() // which ends the lock
	// Where the filesystem has no locks, of two that write at the same moment the last one's memory stays.
	_ = unix.Flock(int(lock.Fd()), unix.LOCK_EX)
	if now, err := readBounded(r.memory, verify.MaxGossip); !errors.Is(err, fs.ErrNotExist) && (err != nil || !bytes.Equal(now, r.seen)) {
		return false, err
	}
	if err := durable.Replace(r.memory, b, 0o600); err != nil {
		return false, err
	}
	r.seen = b
	return true, nil
}

// keepEvidence writes what shows a fork to others, beside the remembered heads, and says where.
func (r *remote) keepEvidence(a *client.Alarm, err error) error {
	if a.Fork == nil {
		return err
	}
	path := r.evidenceFile(a.Fork)
	if made := os.MkdirAll(filepath.Dir(path), 0o700); made != nil {
		return errors.Join(err, made)
	}
	if kept := durable.Replace(path, a.Fork.Encode(), 0o644); kept != nil {
		return errors.Join(err, kept)
	}
	return fmt.Errorf("%w. The evidence is in %s: give it to others, as attestlog gossip does; attestlog verify-fork shows them what it says", err, path)
}

// evidenceFile is where evidence of a fork is kept.
func (r *remote) evidenceFile(f *verify.Fork) string {
	sum := sha256.Sum256(f.Encode())
	return filepath.Join(filepath.Dir(r.memory), "fork-"+hex.EncodeToString(sum[:8]))
}
