package webtest

import (
	"bytes"
	"crypto/ed25519"
	"fmt"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// Who writes to the logs of this package.
const (
	operator = "operator/1"
	bank     = "bank/credit-risk" // answers for data
	gateway  = "gateway/eu-1"     // reads records; its key was rotated
	second   = "gateway/eu-2"     // its key was stolen, and revoked with an index from which it is in doubt
	lab      = "lab/trainer"      // trains
	board    = "board/approvals"  // approves; the operator replaced its key, which is a break
	prover   = "prover/1"
	shutdown = "prover/retired" // revoked
	quiet    = "auditor/visiting"
)

// recipient is an age recipient of the example in age's own documents: nobody here opens anything.
const recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"

// found registers the operator, as entry 0. No source is registered yet, so that there is no chain to ask the log about.
func (l *Log) found() *client.Receipt {
	l.t.Helper()
	key := l.key(operator)
	claims := &event.SourceClaims{Action: event.SourceRegister, Source: operator, Role: event.RoleOperator, Key: key.Public().(ed25519.PublicKey)}
	consent(claims, key)
	d, first := client.KeyChange(claims), verify.NewChain()
	e := &event.Event{Subject: d.Subject, Log: Origin, Source: operator, Seq: first.Seq, Prev: first.Prev, Time: l.Now().UnixMilli(), Proof: event.ProofNone, Claims: claims}
	payload, err := e.Encode()
	if err != nil {
		l.t.Fatal(err)
	}
	r, err := l.writer.Submit(l.t.Context(), &event.Submission{Envelope: event.Sign(payload, key)})
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// register introduces a source.
func (l *Log) register(source string, role event.SourceRole, change ...func(*event.SourceClaims)) *client.Receipt {
	l.t.Helper()
	key := l.key(source)
	claims := &event.SourceClaims{Action: event.SourceRegister, Source: source, Role: role, Key: key.Public().(ed25519.PublicKey)}
	if role == event.RoleProver {
		claims.Recipient = recipient
	}
	for _, f := range change {
		f(claims)
	}
	consent(claims, key)
	return l.Say(operator, client.KeyChange(claims))
}

// rotate replaces a source's key; by whom is for the caller to say: the source itself, or the operator, which is a break.
func (l *Log) rotate(source, by string) *client.Receipt {
	l.t.Helper()
	next := keyOf(fmt.Sprint("after ", bytes.TrimSpace(l.key(source).Seed())))
	claims := &event.SourceClaims{Action: event.SourceRotate, Source: source, Key: next.Public().(ed25519.PublicKey)}
	consent(claims, next)
	r := l.Say(by, client.KeyChange(claims))
	l.replaceKey(source, next)
	return r
}

// rotateByRecovery replaces a source's key with the recovery key that was named when it was registered.
func (l *Log) rotateByRecovery(source string, recovery ed25519.PrivateKey) *client.Receipt {
	l.t.Helper()
	next := keyOf("recovered " + source)
	claims := &event.SourceClaims{Action: event.SourceRotate, Source: source, Key: next.Public().(ed25519.PublicKey)}
	consent(claims, next)
	r, err := l.writer.RecordKeyChange(l.t.Context(), recovery, claims)
	if err != nil {
		l.t.Fatal(err)
	}
	l.replaceKey(source, next)
	return r
}

// revoke ends a source's key by the operator's word; from may be 0.
func (l *Log) revoke(source string, from int64) *client.Receipt {
	l.t.Helper()
	return l.Say(operator, client.KeyChange(&event.SourceClaims{Action: event.SourceRevoke, Source: source,
		Key: l.key(source).Public().(ed25519.PublicKey), From: from}))
}

func consent(c *event.SourceClaims, key ed25519.PrivateKey) {
	c.Consent = ed25519.Sign(key, event.ConsentMessage(Origin, c.Source, c.Key, c.Recovery, c.Recipient))
}
