package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/internal/keyfile"
	"github.com/attestlog/attestlog/ledger/event"
)

const keyRotateManual = `Gives a source a new key. It is the source's own act, signed by the key that goes or by the recovery key that was named when
the source was registered: its history goes on unbroken, and the operator isn't needed. The new key's holder makes the request:

  attestlog keygen new.key --log ORIGIN --source gateway/1
  attestlog key rotate --key gateway.key --request new.key.request
  attestlog submit claims.json --source gateway/1 --key new.key

From that entry on the log refuses the key before. What it signed earlier stays valid; to put some of that in doubt, revoke that
key: attestlog key revoke, before or after. Numbering goes on: the state file is the source's, not the key's. Stop what submits under the key before
you rotate it; with the recovery key there is no need to, and none for the state file: it is told by the log.

Given again after an interruption, the command finds that it is done.
`

const keyRevokeManual = `Ends a source's key, signed by that key itself or by the recovery key. With --from, what it signed from that entry on is in doubt:
it stays in the log, and attestlog verify says so, with exit code 6.

After a theft, do it in this order, from anywhere; no state file is needed:

  attestlog key revoke --source gateway/1 --key recovery.key --from INDEX    # the first entry that may not be yours
  attestlog keygen new.key --log ORIGIN --source gateway/1
  attestlog key rotate --key recovery.key --request new.key.request

If the thief has logged events, the source's own state contradicts the log: the next attestlog submit says ALARM, and which event. Look at
the events with attestlog source and attestlog get, then remove the state file: the source goes on after them.

With --former, a key that was rotated out before its theft was found out is revoked, and the current one goes on.

Without a recovery key only the log's operator can give the source another key, which breaks its history.
`

// keyCommand changes a source's key by its own word.
type keyCommand struct {
	log            logFlags
	signing        signingFlags
	state, request string
	former         string
	from           int64
}

func bindKeyRotate(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	k := new(keyCommand)
	k.log.bind(fs)
	fs.StringVar(&k.signing.key, "key", "", "the `file` of the key that goes, or of the recovery key")
	fs.StringVar(&k.signing.source, "source", "", "the source's `name` (default: the one in the request)")
	fs.StringVar(&k.request, "request", "", "the new key's request, a `file` that attestlog keygen wrote")
	fs.StringVar(&k.state, "state", "", "the `file` that keeps the source's place in its chain, if there is one (default beside the key, such as gateway@1.state)")
	return k.rotate
}

func bindKeyRevoke(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	k := new(keyCommand)
	k.log.bind(fs)
	fs.StringVar(&k.signing.source, "source", "", "the `name` of the source, such as gateway/1")
	fs.StringVar(&k.signing.key, "key", "", "the `file` of the key that ends, or of the recovery key")
	fs.StringVar(&k.former, "former", "", "the public `file` of an earlier key, which was rotated out: revoke that one, and keep the current one")
	fs.StringVar(&k.state, "state", "", "with --former: the `file` that keeps the source's place in its chain (default beside the key, such as gateway@1.state)")
	fs.Int64Var(&k.from, "from", 0, "the `index` of the first entry in doubt; 0 if none is")
	return k.revoke
}

func (k *keyCommand) rotate(ctx context.Context, t *terminal, args []string) error {
	if len(args) != 0 {
		return misuse("%q is one argument too many", args[0])
	}
	if k.request == "" || k.signing.key == "" {
		return misuse("--key and --request are needed: the key that signs, and the request for the new one")
	}
	request, err := keyfile.ReadRequest(k.request)
	if err != nil {
		return err
	}
	if k.signing.source != "" && k.signing.source != request.Source {
		return misuse("--source: %s is the request of %s", k.request, request.Source)
	}
	k.signing.source = request.Source
	key, r, now, err := k.open(ctx, t)
	if err != nil {
		return err
	}
	if err := request.Check(r.Origin()); err != nil {
		return fmt.Errorf("couldn't use %s: %w", k.request, err)
	}
	if len(request.Recovery) > 0 {
		return fmt.Errorf("couldn't use %s: a recovery key is named at registration, and stays; make the request without one", k.request)
	}
	if bytes.Equal(now.Key, request.Key) {
		t.say("%s has this key already: there is nothing to do.", request.Source)
		if t.json {
			t.printJSON(map[string]any{"source": request.Source, "keyid": event.KeyID(request.Key), "index": nil})
		}
		return r.judge(ctx, nil)
	}
	claims := &event.SourceClaims{Action: event.SourceRotate, Source: request.Source, Key: request.Key, Consent: request.Consent}
	receipt, err := k.logChange(ctx, t, r, now, key, claims)
	if err != nil {
		return refused(ctx, r, err)
	}
	t.say("Entry %d gives %s a new key, signed by %s: its history goes on unbroken.", receipt.Index, request.Source, signerWords(now, key))
	t.field("key", "%s", event.KeyID(request.Key))
	t.say("Submit with it from now on: attestlog submit CLAIMS.json --source %s --key %s%s", request.Source, k.newKey(), k.moved())
	return k.done(ctx, t, r, claims, receipt)
}

// newKey is where the new key most likely lies: keygen writes the request beside it.
func (k *keyCommand) newKey() string { return strings.TrimSuffix(k.request, ".request") }

// moved is the flag that submit needs where the state doesn't lie where the new key makes it look.
func (k *keyCommand) moved() string {
	if _, err := os.Lstat(k.state); err != nil {
		return ""
	}
	next := signingFlags{source: k.signing.source, key: k.newKey()}
	if filepath.Clean(next.state()) == filepath.Clean(k.state) {
		return ""
	}
	return " --state " + k.state
}

func (k *keyCommand) revoke(ctx context.Context, t *terminal, args []string) error {
	if len(args) != 0 {
		return misuse("%q is one argument too many", args[0])
	}
	if err := k.signing.check(); err != nil {
		return err
	}
	if k.from < 0 {
		return misuse("--from: an index is not negative")
	}
	key, r, now, err := k.open(ctx, t)
	if err != nil {
		return err
	}
	claims := &event.SourceClaims{Action: event.SourceRevoke, Source: k.signing.source, Key: key.Public().(ed25519.PublicKey), From: k.from}
	if k.former == "" && bytes.Equal(now.Recovery, claims.Key) {
		if claims.Key = now.Key; claims.Key == nil {
			return fmt.Errorf("%s has no key any more: it was revoked already", k.signing.source)
		}
	}
	if k.former != "" {
		return k.revokeFormer(ctx, t, r, now, key, claims)
	}
	receipt, err := r.RecordKeyChange(ctx, key, claims)
	if err != nil {
		return refused(ctx, r, err)
	}
	t.say("Entry %d ends the key of %s, signed by %s.", receipt.Index, k.signing.source, signerWords(now, key))
	t.field("key", "%s", event.KeyID(claims.Key))
	if k.from > 0 {
		t.field("in doubt", "what it signed from entry %d on", k.from)
	}
	if len(now.Recovery) > 0 {
		t.say("The recovery key can give %s another one: attestlog key rotate.", k.signing.source)
	} else {
		t.say("%s has no recovery key: only the log's operator can give it another one (attestlogd source rotate), which breaks its history.", k.signing.source)
	}
	return k.done(ctx, t, r, claims, receipt)
}

// revokeFormer revokes a key that was rotated out before its theft was found out. The current key goes on, and so does its state's count.
func (k *keyCommand) revokeFormer(ctx context.Context, t *terminal, r *remote, now client.SourceState, key ed25519.PrivateKey, claims *event.SourceClaims) error {
	former, err := keyfile.ReadPublic(k.former)
	if err != nil {
		return err
	}
	claims.Key = former
	receipt, err := k.logChange(ctx, t, r, now, key, claims)
	if err != nil {
		return refused(ctx, r, err)
	}
	t.say("Entry %d revokes an earlier key of %s, signed by %s.", receipt.Index, k.signing.source, signerWords(now, key))
	t.field("key", "%s", event.KeyID(claims.Key))
	if k.from > 0 {
		t.field("in doubt", "what it signed from entry %d on", k.from)
	}
	return k.done(ctx, t, r, claims, receipt)
}

// logChange logs a change through the source's state where there is one and the current key signs.
func (k *keyCommand) logChange(ctx context.Context, t *terminal, r *remote, now client.SourceState, key ed25519.PrivateKey, claims *event.SourceClaims) (*client.Receipt, error) {
	if k.state == "" {
		k.state = k.signing.state()
	}
	if _, err := os.Lstat(k.state); err == nil && bytes.Equal(now.Key, key.Public().(ed25519.PublicKey)) {
		return k.recordInTurn(ctx, t, r, key, claims)
	}
	return r.RecordKeyChange(ctx, key, claims)
}

// open reads the key and asks the log how the source stands.
func (k *keyCommand) open(ctx context.Context, t *terminal) (ed25519.PrivateKey, *remote, client.SourceState, error) {
	fail := func(err error) (ed25519.PrivateKey, *remote, client.SourceState, error) {
		return nil, nil, client.SourceState{}, err
	}
	key, err := keyfile.ReadPrivate(k.signing.key)
	if err != nil {
		return fail(err)
	}
	r, err := k.log.connect(t)
	if err != nil {
		return fail(err)
	}
	now, err := r.SourceState(ctx, k.signing.source)
	if err != nil {
		return fail(refused(ctx, r, err))
	}
	return key, r, now, nil
}

// recordInTurn logs the change as the source's next event, after all that its state says is still to be sent.
func (k *keyCommand) recordInTurn(ctx context.Context, t *terminal, r *remote, key ed25519.PrivateKey, claims *event.SourceClaims) (*client.Receipt, error) {
	source, err := r.OpenSource(client.SourceOptions{Name: claims.Source, Key: key, State: k.state, Refused: t.refusedOrphan})
	if err != nil {
		return nil, err
	}
	receipt, err := source.Record(ctx, client.KeyChange(claims))
	return receipt, errors.Join(err, source.Close())
}

func (k *keyCommand) done(ctx context.Context, t *terminal, r *remote, claims *event.SourceClaims, receipt *client.Receipt) error {
	if t.json {
		t.printJSON(map[string]any{"source": claims.Source, "keyid": event.KeyID(claims.Key), "action": claims.Action, "index": receipt.Index, "digest": receipt.Digest})
	}
	return r.judge(ctx, nil)
}

// signerWords says which of a source's keys signs a change.
func signerWords(s client.SourceState, key ed25519.PrivateKey) string {
	if bytes.Equal(s.Recovery, key.Public().(ed25519.PublicKey)) {
		return "its recovery key"
	}
	return "its own key"
}
