package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/internal/keyfile"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web/words"
)

// logFlags say which log a command speaks to, and by which key it is known.
type logFlags struct {
	server, key, memory, policy, provers string
}

func (l *logFlags) bind(fs *flag.FlagSet) {
	fs.StringVar(&l.server, "server", "", "the log's `address` (default $ATTESTLOG_SERVER, or http://localhost:8080)")
	fs.StringVar(&l.memory, "memory", "", "the `directory` where heads are remembered that the log showed, which later ones must continue (default in the user's cache directory)")
	l.bindKey(fs)
	l.bindPolicy(fs)
}

func (l *logFlags) bindPolicy(fs *flag.FlagSet) {
	fs.StringVar(&l.policy, "policy", "", "a `file` that says whose cosignatures a head needs (c2sp.org/tlog-policy; default $ATTESTLOG_POLICY, or none)")
}

// bindProvers is for commands that may leave proofs to the log's provers.
func (l *logFlags) bindProvers(fs *flag.FlagSet) {
	fs.StringVar(&l.provers, "provers", "", "with --deferred: the provers that may read the witness, `names` with commas between (default all that the log's operator registered)")
}

// witnesses reads the policy; nil without one.
func (l *logFlags) witnesses() (*verify.Policy, error) {
	path := l.policy
	if path == "" {
		path = os.Getenv("ATTESTLOG_POLICY")
	}
	if path == "" {
		return nil, nil
	}
	text, err := readBounded(path, verify.MaxPolicy)
	if err != nil {
		return nil, misuse("--policy: %w", err)
	}
	policy, err := verify.ParsePolicy(text)
	if err != nil {
		return nil, misuse("%s: %w", path, err)
	}
	return policy, nil
}

func (l *logFlags) bindKey(fs *flag.FlagSet) {
	fs.StringVar(&l.key, "log-key", "", "the log's public `key`, or the file that holds it; have it from elsewhere than the log (default $ATTESTLOG_LOG_KEY)")
}

// verifierKey is the log's public key as text, such as log.example/2026+1a2b3c4d+AbCd….
func (l *logFlags) verifierKey() (string, error) {
	key := l.key
	if key == "" {
		key = os.Getenv("ATTESTLOG_LOG_KEY")
	}
	if key == "" {
		return "", misuse("--log-key is missing: nothing that a log says can be checked without its key")
	}
	return keyfile.LogKey(key)
}

func (l *logFlags) verifier() (note.Verifier, error) {
	key, err := l.verifierKey()
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(key)
}

// remote is a log, with the memory of what it showed.
type remote struct {
	*client.Client
	policy *verify.Policy // whose cosignatures count; may be nil
	memory string         // file; empty if there is no place for one
	seen   []byte         // what is in it
	known  []byte         // the newest head in it
}

// connect makes a client that believes only what continues the head that the last command saw. It sends nothing yet.
func (l *logFlags) connect(t *terminal) (*remote, error) {
	return l.connectAs(t, func(*client.Options) {})
}

// connectAs is connect for those who want some of the client's options otherwise.
func (l *logFlags) connectAs(t *terminal, change func(*client.Options)) (*remote, error) {
	server := l.server
	if server == "" {
		server = os.Getenv("ATTESTLOG_SERVER")
	}
	if server == "" {
		server = "http://localhost:8080"
	}
	key, err := l.verifierKey()
	if err != nil {
		return nil, err
	}
	policy, err := l.witnesses()
	if err != nil {
		return nil, err
	}
	r := &remote{memory: l.memoryFile(key), policy: policy}
	before, err := r.recall()
	if err != nil {
		return nil, err
	}
	var provers []string
	if l.provers != "" {
		provers = strings.Split(l.provers, ",")
	}
	// A person waits: give up after some seconds, not minutes; but a busy log may take a few to publish a head.
	o := client.Options{LogKey: key, Policy: policy, Provers: provers, Seen: before, Retries: 10, MaxPause: 2 * time.Second, Logger: slog.New(&patient{t: t})}
	change(&o)
	r.Client, err = client.New(server, o)
	if err != nil {
		return nil, misuse("%w", err)
	}
	return r, nil
}

// patient tells a person, once, that the log is asked again. The client logs nothing else at this level.
type patient struct {
	t    *terminal
	said atomic.Bool
}

func (p *patient) Enabled(context.Context, slog.Level) bool { return p.t.progress }
func (p *patient) WithAttrs([]slog.Attr) slog.Handler       { return p }
func (p *patient) WithGroup(string) slog.Handler            { return p }

func (p *patient) Handle(_ context.Context, r slog.Record) error {
	if r.Level <= slog.LevelDebug && !p.said.Swap(true) {
		p.t.warn("the log doesn't answer as it should; asking again for some seconds")
	}
	return nil
}

// judge gives an error of the client its exit code, and remembers what was seen.
func (r *remote) judge(ctx context.Context, err error) error {
	var problem *client.Problem
	var alarm *client.Alarm
	var few *verify.QuorumError
	if err == nil {
		if err = r.remember(ctx); err == nil {
			return nil
		}
	}
	switch {
	case errors.As(err, &alarm):
		return &failure{exitUnverified, errors.Join(r.keepEvidence(alarm, err), r.remember(ctx))}
	case errors.As(err, &few):
		return &failure{exitUnverified, err}
	case errors.As(err, &problem) && problem.Code != "" && problem.Code != client.CodeNotFound && problem.Status >= 400 && problem.Status < 500:
		return &failure{exitRefused, err}
	}
	return err
}

// problemCode is the log's code for a refusal, if err is one.
func problemCode(err error) string {
	var problem *client.Problem
	if errors.As(err, &problem) {
		return problem.Code
	}
	return ""
}

// reference is an entry as people name it: by index or by event digest.
type reference struct {
	index  int64
	digest event.Digest
	byHash bool
}

func parseReference(s string) (reference, error) {
	if index, err := strconv.ParseInt(s, 10, 64); err == nil && index >= 0 && len(s) < 20 {
		return reference{index: index}, nil
	}
	digest, err := event.ParseDigest(s)
	if err != nil {
		return reference{}, misuse("%q names no entry: want its index, or the event's digest of 64 lower-case hex digits", s)
	}
	return reference{digest: digest, byHash: true}, nil
}

// entry fetches an entry, proven to be in the log.
func (r *remote) entry(ctx context.Context, ref reference) (*client.Receipt, *verify.Entry, error) {
	var receipt *client.Receipt
	var err error
	if ref.byHash {
		receipt, err = r.Event(ctx, ref.digest)
	} else {
		receipt, err = r.Entry(ctx, ref.index)
	}
	if err != nil {
		return nil, nil, err
	}
	entry, err := verify.OpenEntry(receipt.Index, receipt.Leaf)
	return receipt, entry, err
}

// gather collects the evidence about an entry, against the newest published head that covers it and all that was seen before.
func (r *remote) gather(ctx context.Context, ref reference) (*verify.Evidence, error) {
	receipt, _, err := r.entry(ctx, ref)
	if err != nil {
		return nil, err
	}
	head, err := verify.OpenHead(receipt.Note, r.Key())
	if err == nil {
		head, err = r.catchUp(ctx, head)
	}
	if err != nil {
		return nil, err
	}
	return verify.Gather(ctx, r.Library(), receipt.Index, head.Size)
}

// catchUp waits for a published head that has all that was seen before: receipts run ahead of what is published by a second, and a revocation
// that somebody has a receipt for must count in what he verifies next.
func (r *remote) catchUp(ctx context.Context, head verify.Head) (verify.Head, error) {
	if r.known == nil {
		return head, nil
	}
	known, err := verify.OpenHead(r.known, r.Key())
	if err != nil {
		return verify.Head{}, err
	}
	waiting, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for head.Size < known.Size {
		select {
		case <-tick.C:
		case <-waiting.Done():
			return verify.Head{}, fmt.Errorf("the log publishes a tree of %s entries, and has signed one of %s before: try again later, or ask another server of it",
				words.Number(head.Size), words.Number(known.Size))
		}
		if head, err = r.Checkpoint(ctx); err != nil {
			return verify.Head{}, err
		}
	}
	return head, nil
}
