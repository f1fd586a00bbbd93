package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/durable"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web/words"
)

const bundleManual = `Puts all the evidence about some entries into one file: the entries, those that they rest on, the verifying keys, late proofs, all
revocations that the log knows of, one head with the cosignatures that it has, and one proof that all of it is in the log. Whoever has the log's
public key checks the file with attestlog verify FILE, without the log and without a network.

Which entries, is said by their indices or digests; by --query, with the filters of the log's list of entries (kind, which may stand several times,
source, subject, from, to), such as 'kind=data-access&source=gateway/1'; or by --provenance: an entry and all that it comes from, back to raw data.

The evidence is verified before it is written; what doesn't hold is written all the same, because evidence against somebody is evidence, too,
and the exit code says so. ledger/verify/SPEC.md has the format.
`

type bundle struct {
	log        logFlags
	query      string
	provenance string
	accesses   bool
	out        string
}

func bindBundle(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	b := new(bundle)
	b.log.bind(fs)
	fs.StringVar(&b.query, "query", "", "take the entries that `filters` pick, such as kind=data-access&source=gateway/1")
	fs.StringVar(&b.provenance, "provenance", "", "take an `entry` and all that it comes from")
	fs.BoolVar(&b.accesses, "accesses", false, "with --provenance: and what was read of the data sets")
	fs.StringVar(&b.out, "out", "", "the new `file`, by custom with the extension .attestlog")
	return b.run
}

func (b *bundle) run(ctx context.Context, t *terminal, args []string) error {
	given := 0
	for _, is := range []bool{len(args) > 0, b.query != "", b.provenance != ""} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return misuse("name entries by index or digest, or by --query, or one by --provenance")
	case b.accesses && b.provenance == "":
		return misuse("--accesses is about the data sets of a --provenance")
	case b.out == "":
		return misuse("--out is missing")
	}
	if _, err := os.Lstat(b.out); err == nil {
		return fmt.Errorf("couldn't write %s: it is there already", b.out)
	}
	r, err := b.log.connect(t)
	if err != nil {
		return err
	}
	made, err := b.collect(ctx, r, args)
	if err := r.judge(ctx, err); err != nil {
		return err
	}
	file := made.Encode()
	if _, err := verify.ParseBundle(file); err != nil {
		return err // what nobody could read: too many entries, or too large
	}
	if err := durable.Create(b.out, file, 0o644); err != nil {
		return err
	}
	report, err := made.Verify(r.Key(), r.policy)
	if err != nil {
		return &failure{exitUnverified, fmt.Errorf("the evidence is in %s, and does not hold: %w", b.out, err)}
	}
	t.say("Wrote the evidence about %s to %s: %s in all, in the tree of %s entries; %s bytes.", words.Count(len(report.Claims), "entry"), b.out,
		words.Count(len(made.Entries), "entry"), words.Number(report.Head.Size), words.Number(len(file)))
	t.say("It holds: %s%s.", tally(report), inDoubts(report.Doubts()))
	t.relyOnReports(report.Claims)
	t.say("Verify it without a network: attestlog verify %s --log-key KEY", b.out)
	if t.json {
		t.printJSON(map[string]any{"out": b.out, "bytes": len(file), "about": made.Asked(), "entries": len(made.Entries), "size": report.Head.Size, "doubts": orEmpty(report.Doubts())})
	}
	return inDoubtCode(report.Doubts())
}

// inDoubtCode is the exit code of what holds in doubt.
func inDoubtCode(doubts []string) error {
	if len(doubts) == 0 {
		return nil
	}
	return &failure{exitDoubt, fmt.Errorf("it holds, in doubt: %s", doubts[0])}
}

// collect gets the bundle from the log.
func (b *bundle) collect(ctx context.Context, r *remote, args []string) (*verify.Bundle, error) {
	if b.provenance != "" {
		ref, err := parseReference(b.provenance)
		if err != nil {
			return nil, err
		}
		index, head, err := r.locate(ctx, ref)
		if err != nil {
			return nil, err
		}
		return verify.Trace(ctx, r.Library(), head, index, b.accesses)
	}
	var indices []int64
	var head verify.Head
	var err error
	if b.query != "" {
		if indices, err = b.matching(ctx, r); err != nil {
			return nil, err
		}
	}
	for _, name := range args {
		ref, err := parseReference(name)
		if err != nil {
			return nil, err
		}
		index := ref.index
		if ref.byHash {
			if index, err = r.Library().Find(ctx, ref.digest); err != nil {
				return nil, err
			}
		}
		indices = append(indices, index)
	}
	if _, head, err = r.locate(ctx, reference{index: slices.Max(indices)}); err != nil {
		return nil, err
	}
	return verify.GatherBundle(ctx, r.Library(), head, indices...)
}

// matching are the entries that the query picks.
func (b *bundle) matching(ctx context.Context, r *remote) (indices []int64, err error) {
	q, err := parseQuery(b.query)
	if err != nil {
		return nil, err
	}
	err = r.EachEntry(ctx, q, func(e *verify.Entry) (more bool) {
		indices = append(indices, e.Index)
		return len(indices) <= verify.MaxBundleEntries
	})
	switch {
	case err != nil:
		return nil, err
	case len(indices) == 0:
		return nil, errors.New("the query picks no entry of the log")
	case len(indices) > verify.MaxBundleEntries:
		return nil, fmt.Errorf("the query picks more than %d entries, and a bundle has no room for so many: make several, with from and to", verify.MaxBundleEntries)
	}
	return indices, nil
}

// parseQuery reads the filters of a list of entries.
func parseQuery(text string) (q client.Query, err error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return q, misuse("--query: %w", err)
	}
	q.Limit = 1000
	for name, given := range values {
		if len(given) > 1 && name != "kind" {
			return q, misuse("--query: %q stands there twice", name)
		}
		switch name {
		case "kind":
			for _, k := range given {
				kind, err := event.ParseKind(k)
				if err != nil {
					return q, misuse("--query: %w", err)
				}
				q.Kinds = append(q.Kinds, kind)
			}
		case "source":
			q.Source = given[0]
		case "subject":
			q.Subject = given[0]
		case "from", "to":
			ms, err := strconv.ParseInt(given[0], 10, 64)
			if err != nil || ms < 0 {
				return q, misuse("--query: %s is the log's time in milliseconds since 1970, and not %q", name, given[0])
			}
			if name == "from" {
				q.From = ms
			} else {
				q.To = ms
			}
		default:
			return q, misuse("--query: there is no filter %q; there are kind, source, subject, from and to", name)
		}
	}
	return q, nil
}

// locate finds the index of an entry, and the newest head that covers it and all that was seen before.
func (r *remote) locate(ctx context.Context, ref reference) (int64, verify.Head, error) {
	receipt, _, err := r.entry(ctx, ref)
	if err != nil {
		return 0, verify.Head{}, err
	}
	head, err := verify.OpenHead(receipt.Note, r.Key())
	if err == nil {
		head, err = r.catchUp(ctx, head)
	}
	return receipt.Index, head, err
}

// bundleFile tells whether a name is that of a file that isn't a folder.
func bundleFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.IsDir()
}

// readBundle reads a bundle and verifies it. The report is nil where there is no bundle to report about.
func (l *logFlags) readBundle(path string) (*verify.BundleReport, error) {
	key, err := l.verifier()
	if err != nil {
		return nil, err
	}
	policy, err := l.witnesses()
	if err != nil {
		return nil, err
	}
	file, err := readBounded(path, verify.MaxBundle)
	if err != nil {
		return nil, err
	}
	b, err := verify.ParseBundle(file)
	if err != nil {
		return nil, &failure{exitUnverified, fmt.Errorf("%s: %w", path, err)}
	}
	report, err := b.Verify(key, policy)
	if err != nil {
		err = &failure{exitUnverified, err}
	}
	return report, err
}

// verifyFile verifies a bundle without a network, and says what of it holds.
func (v *verifyCommand) verifyFile(t *terminal, path string) error {
	if len(v.disclosed) > 0 {
		return misuse("--disclosed opens the claims of one entry, and %s may be about many", path)
	}
	report, err := v.log.readBundle(path)
	if report == nil {
		return err
	}
	for _, s := range report.Steps {
		t.step(s)
	}
	t.relyOnReports(report.Claims)
	for _, c := range report.Claims {
		t.claim(c)
	}
	t.say("")
	verdict := "pass"
	switch doubts := report.Doubts(); {
	case err != nil:
		verdict = "fail"
		t.say("Verdict: FAIL. %s", wrap(err.Error(), "", 110))
	default:
		t.say("Verdict: PASS%s. %s of %s's tree of %s entries: %s.", inDoubts(doubts), words.Count(len(report.Claims), "entry"), report.Head.Origin, words.Number(report.Head.Size), tally(report))
		err = inDoubtCode(doubts)
	}
	if t.json {
		t.printJSON(bundleJSON(report, verdict))
	}
	return err
}

// relyOnReports says of each statement's keys once what there is to say.
func (t *terminal) relyOnReports(all []*verify.Report) {
	for _, r := range all {
		t.relyOnReport(r)
	}
}

// claim prints what one entry of a bundle comes to.
func (t *terminal) claim(r *verify.Report) {
	e := r.Entry
	if r.Verdict == verify.Refuted {
		last := r.Steps[len(r.Steps)-1]
		t.say("\nFAIL  entry %d, %s by %s: %s", e.Index, e.Event.Kind(), e.Event.Source, wrap(last.Name+": "+last.Err.Error(), "      ", 104))
		return
	}
	t.say("\nPASS  entry %d, %s by %s: %s", e.Index, e.Event.Kind(), e.Event.Source, verdictWords(r))
	for _, l := range []struct {
		heading, mark string
		sentences     []string
	}{{"in doubt", "!", r.Doubts}, {"proven", "✓", r.Proven}, {"claimed", "·", r.Claimed}, {"trusted", "·", r.Trusted}} {
		for i, s := range l.sentences {
			heading := l.heading
			if i > 0 {
				heading = ""
			}
			t.say("      %-8s %s %s", heading, l.mark, wrap(s, "                 ", 93))
		}
	}
}

// tally counts the verdicts.
func tally(r *verify.BundleReport) string {
	n := map[verify.Verdict]int{}
	for _, c := range r.Claims {
		n[c.Verdict]++
	}
	var words []string
	for _, v := range []verify.Verdict{verify.Proven, verify.Claimed, verify.Waiting, verify.Refused, verify.Refuted} {
		if n[v] > 0 {
			words = append(words, fmt.Sprintf("%d %s", n[v], v))
		}
	}
	return strings.Join(words, ", ")
}

func inDoubts(doubts []string) string {
	if len(doubts) > 0 {
		return ", IN DOUBT"
	}
	return ""
}

func bundleJSON(r *verify.BundleReport, verdict string) map[string]any {
	claims := []map[string]any{}
	for _, c := range r.Claims {
		out := reportJSON(c)
		out["pass"], out["kind"], out["source"] = c.Verdict != verify.Refuted, c.Entry.Event.Kind().String(), c.Entry.Event.Source
		claims = append(claims, out)
	}
	return map[string]any{"verdict": verdict, "origin": r.Head.Origin, "size": r.Head.Size, "cosigned": orEmpty(r.Cosigned), "steps": stepsJSON(r.Steps),
		"claims": claims, "trusted": orEmpty(r.Trusted), "doubts": orEmpty(r.Doubts())}
}
