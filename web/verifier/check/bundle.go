package check

import (
	"fmt"
	"strings"

	"github.com/attestlog/attestlog/ledger/verify"
)

// maxClaims is how many of the entries that a bundle is about are told of one by one. All are verified.
const maxClaims = 256

// Bundle verifies an evidence bundle. watch is told of each step as it is done.
func Bundle(file []byte, vkey, policy string, watch func(step Object)) Object {
	k, p, err := reader(vkey, policy)
	if err != nil {
		return failed(err)
	}
	b, err := verify.ParseBundle(file)
	if err != nil {
		return failed(err)
	}
	told := map[int64]bool{}
	r, err := b.VerifyWatched(k, p, func(about *verify.Entry, s verify.Step) {
		index := int64(-1)
		if about != nil {
			index = about.Index
			if told[index] = true; len(told) > maxClaims && s.Err == nil {
				return
			}
		}
		watch(stepObject(index, s))
	})
	o := outcome(nil, err)
	delete(o, "steps")
	if r.Head.Origin != "" {
		o["head"] = headObject(r.Head)
	}
	o["entries"], o["asked"], o["cosigned"] = len(b.Entries), len(b.Asked()), texts(r.Cosigned)
	o["trusted"], o["doubts"] = texts(r.Trusted), texts(r.Doubts())
	verdicts, claims, indices := Object{}, []any{}, []any{}
	for _, c := range r.Claims {
		indices = append(indices, c.Entry.Index)
		n, _ := verdicts[string(c.Verdict)].(int)
		verdicts[string(c.Verdict)] = n + 1
		if len(claims) < maxClaims || c.Verdict == verify.Refuted {
			claims = append(claims, claimObject(c))
		}
	}
	o["verdicts"], o["claims"], o["unlisted"], o["about"] = verdicts, claims, len(r.Claims)-len(claims), indices
	return o
}

// claimObject is what is known of an entry that a bundle is about.
func claimObject(c *verify.Report) Object {
	o := entryObject(c.Entry)
	o["verdict"], o["sentence"] = string(c.Verdict), c.Sentence
	o["proven"], o["claimed"], o["trusted"], o["doubts"] = texts(c.Proven), texts(c.Claimed), texts(c.Trusted), texts(c.Doubts)
	return o
}

// entryObject is an entry as it says itself.
func entryObject(e *verify.Entry) Object {
	return Object{
		"index": e.Index, "digest": e.Digest.String(), "kind": e.Event.Kind().String(), "source": e.Event.Source, "subject": e.Event.Subject.Name,
		"time": e.Event.Time, "logged": e.Leaf.Logged, "payload": string(e.Leaf.Envelope.Payload),
	}
}

// Fork checks evidence that the holder of a log's key signed two histories. It is ok if it shows that.
func Fork(file []byte, vkey string) Object {
	var s steps
	err := s.fork(file, vkey)
	return outcome(s.all, err)
}

func (s *steps) fork(file []byte, vkey string) error {
	k, err := key(vkey)
	if err != nil {
		return err
	}
	f, err := verify.ParseFork(file)
	if err != nil {
		return err
	}
	s.use("log's key", fmt.Sprintf("%s+%08x", k.Name(), k.KeyHash()))
	s.use("first note", strings.TrimSpace(string(f.First)))
	s.use("second note", strings.TrimSpace(string(f.Second)))
	s.use("roots of the second's subtrees, left", hashLines(f.Left))
	s.use("roots of the second's subtrees, right", hashLines(f.Right))
	r, err := f.Check(k)
	if err != nil {
		return s.done("fork", "", err)
	}
	return s.done("fork", r.String(), nil)
}

// MakeFork makes evidence of two heads of one size whose roots differ: a file that convinces whoever knows the log's key.
func MakeFork(a, b []byte, vkey string) Object {
	k, err := key(vkey)
	if err != nil {
		return failed(err)
	}
	f := &verify.Fork{First: a, Second: b}
	r, err := f.Check(k)
	if err != nil {
		return failed(err)
	}
	return Object{"ok": true, "detail": r.String(), "file": string(f.Encode())}
}
