package webtest

import (
	"crypto/ed25519"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// The entries of Full that have names. The subject of the whole chain from raw data to served model is System.
const (
	OperatorRegistered Name = "the operator's registration" // entry 0
	SourceRegistered   Name = "a source is registered"      // gateway/eu-1
	SourceRotated      Name = "a source rotates its key"
	SourceRecovered    Name = "a recovery key replaces a key"
	SourceReplaced     Name = "the operator replaces a key" // a break
	SourceRevoked      Name = "a source is revoked, with events in doubt"
	ProverRevoked      Name = "a prover is revoked"

	OneParty         Name = "a statement with keys of one party" // data-access-64
	Ceremony         Name = "a statement with keys of a ceremony"
	Imported         Name = "an imported statement"
	Doomed           Name = "a statement that is revoked later"
	StatementRevoked Name = "a statement is revoked, with events in doubt"

	RawData        Name = "raw data"
	ReleasedData   Name = "released data"
	OtherData      Name = "a data set for other things"
	Anonymized     Name = "the anonymization, proven"
	Run            Name = "the training run"
	FirstStep      Name = "the first training step, proven"
	LastStep       Name = "the last training step, proven"
	Approved       Name = "the approval"
	Served         Name = "the served model, proven"
	ServedInDark   Name = "a served model with its run withheld, claimed"
	ServedByStolen Name = "a model served by a stolen key" // in doubt

	AccessProven    Name = "an access, proven"
	AccessClaimed   Name = "an access, claimed"
	AccessWaiting   Name = "an access that waits for its proof"
	AccessDeferred  Name = "an access, proven later"
	AccessRefused   Name = "an access whose proof was refused"
	AccessOverruled Name = "an access whose proof was refused, and came after all"
	AccessInDoubt   Name = "an access by a key that was stolen"
	AccessDoomed    Name = "an access under a statement that was revoked"
	Attested        Name = "the proof of an access"
	Refused         Name = "the refusal of a proof"

	CustomProven  Name = "values under an imported statement, proven"
	CustomClaimed Name = "values with names, claimed"
	Policy        Name = "a policy"
	Sealed        Name = "a seal, claimed"
	Erased        Name = "an erasure"
)

// System is the AI system that the served models of Full are versions of, and Raw and Released its data.
const (
	System   = "credit-scoring"
	Raw      = "German Credit"
	Released = "German Credit, anonymized"
)

// history writes the log of Full.
type history struct {
	*Log
	access, chunk, step, model, circom *Proving
	weights                            []event.Element // before step 1, after step 1, …
	last                               *client.Receipt
}

// Full is a log with entries of every kind, spread over a fortnight: the whole chain from raw data to a served model, every
// state that a proof can be in, and every turn that a source's key and a statement can take. It has some 150 entries.
func Full(t testing.TB) *Log {
	t.Helper()
	h := &history{Log: Empty(t)}
	for i := range 4 {
		h.weights = append(h.weights, element(fmt.Sprint("weights after step ", i)))
	}
	h.goBack(14 * 24 * time.Hour)
	h.found()
	h.goBack(13 * 24 * time.Hour)
	h.data()
	for day := 12; day > 8; day-- {
		h.work(day)
	}
	h.train()
	for day := 8; day > 4; day-- {
		h.work(day)
	}
	h.proofs()
	h.turns()
	for day := 3; day > 0; day-- {
		h.work(day)
	}
	h.goBack(0)
	h.today()
	h.settle(h.last)
	return h.Log
}

// element is a number of the field, as a commitment would be one.
func element(of string) event.Element {
	e := event.Element(event.DigestOf([]byte(of)))
	e[0] &= 0x1f // below the field's order
	return e
}

func system() event.Subject {
	return event.Subject{Name: System, Digest: event.DigestOf([]byte("release 2026.11 of the system"))}
}

// found makes the first entries: who speaks, and what can be proven.
func (h *history) found() {
	h.t.Helper()
	h.call(OperatorRegistered, h.Log.found())
	for _, s := range []struct {
		name string
		role event.SourceRole
	}{{bank, event.RoleController}, {lab, event.RoleService}, {board, event.RoleService}, {second, event.RoleService}, {prover, event.RoleProver}, {shutdown, event.RoleProver}, {quiet, event.RoleService}} {
		h.register(s.name, s.role)
	}
	h.call(SourceRegistered, h.register(gateway, event.RoleService, func(c *event.SourceClaims) {
		c.Recovery = recoveryKey().Public().(ed25519.PublicKey)
	}))
	var r *client.Receipt
	h.access, r = h.setup("data-access-64", "access", nil)
	h.call(OneParty, r)
	h.chunk, _ = h.setup("anonymization-1024", "chunk", nil)
	h.step, _ = h.setup("training-step-32x32", "step", nil)
	h.model, r = h.setup("model-version", "model", func(c *event.StatementClaims) {
		c.Setup, c.Transcript = event.SetupCeremony, event.DigestOf([]byte("the ceremony's transcript"))
	})
	h.call(Ceremony, r)
	h.circom, r = h.imports(&event.StatementClaims{Name: "retention.v2", Shows: "The number of records older than the limit is what is stated, and none of them is younger than the least age.",
		NotShown: []string{"That the records are all that there are."},
		Inputs: []event.Input{{Name: "records", Type: event.InputInteger, Max: 1 << 20}, {Name: "passed", Type: event.InputBoolean},
			{Name: "report", Type: event.InputText}, {Name: "file", Type: event.InputDigest}}}, "circom")
	h.call(Imported, r)
}

func recoveryKey() ed25519.PrivateKey { return keyOf("in the safe") }

// data commits to the raw data and its anonymized form.
func (h *history) data() {
	h.t.Helper()
	raw, released := columns(false), columns(true)
	purposes := []string{"credit-scoring", "model-training", "statistics"}
	h.call(RawData, h.Say(bank, client.Draft{Subject: event.Subject{Name: Raw, Digest: event.DigestOf([]byte("the raw file"))}, Retention: "P10Y", Jurisdiction: "EU",
		Claims: &event.DatasetClaims{Columns: raw, Purposes: purposes, Root: element("raw rows"), Rows: 1000}}))
	h.call(ReleasedData, h.Say(bank, client.Draft{Subject: event.Subject{Name: Released, Digest: event.DigestOf([]byte("the released file"))}, Jurisdiction: "EU",
		Claims: &event.DatasetClaims{Columns: released, Purposes: purposes, Root: element("released rows"), Rows: 1000}}))
	h.call(Anonymized, h.Say(bank, h.chunk.proven(client.Draft{Subject: event.Subject{Name: Released, Digest: event.DigestOf([]byte("the released file"))},
		Claims: &event.AnonymizationClaims{ChunkRows: 1024, Dataset: h.Digest(RawData), Released: h.Digest(ReleasedData), K: 5, Diversity: 2, Suppressed: 37, Hierarchy: element("hierarchies")}})))
}

// columns are those of a data set that can be anonymized, or of its anonymized form.
func columns(anonymized bool) []event.Column {
	labels := func(role event.Role, name string, list ...string) event.Column {
		if anonymized && role == event.RoleQuasi {
			list = append([]string{statement.Blank}, list...)
		}
		if anonymized && role == event.RoleDirect {
			role, list = event.RoleOther, []string{statement.Blank}
		}
		return event.Column{Name: name, Role: role, Coding: event.Coding{Category: &event.CategoryCoding{Labels: list}}}
	}
	age := event.Column{Name: "age", Role: event.RoleQuasi, Coding: event.Coding{Integer: &event.IntegerCoding{Min: 18, Max: 80}}}
	if anonymized {
		age = labels(event.RoleQuasi, "age", "18–29", "30–39", "40–49", "50–64", "65 or older")
	}
	return []event.Column{
		labels(event.RoleSensitive, "class", "good", "bad"),
		age,
		labels(event.RoleQuasi, "personal status", "single", "married", "divorced or separated", "widowed"),
		labels(event.RoleQuasi, "job", "unskilled, non-resident", "unskilled, resident", "skilled", "management"),
		labels(event.RoleQuasi, "housing", "rent", "own", "for free"),
		labels(event.RoleQuasi, "foreign worker", "yes", "no"),
		labels(event.RoleQuasi, "telephone", "none", "yes, under the customer's name"),
		labels(event.RoleDirect, "customer number", "assigned by the branch"),
		{Name: "credit amount", Role: event.RoleOther, Coding: event.Coding{Integer: &event.IntegerCoding{Min: 0, Max: 20_000}}},
		{Name: "duration in months", Role: event.RoleOther, Coding: event.Coding{Integer: &event.IntegerCoding{Min: 1, Max: 72}}},
		labels(event.RoleOther, "credit history", "no credits taken", "all paid back", "existing paid back", "delay in the past", "critical account"),
	}
}

// reads drafts an access to the raw data.
func (h *history) reads(records int64, named ...string) client.Draft {
	return client.Draft{Subject: system(), Purpose: "scoring of loan applications",
		Claims: &event.DataAccessClaims{Accesses: element(fmt.Sprint(records, named)), Columns: named, Dataset: h.Digest(RawData), Purpose: "credit-scoring", Records: records}}
}

// work is what happens on a day: accesses, most of them proven.
func (h *history) work(day int) {
	h.t.Helper()
	const accesses = 9
	h.goBack(time.Duration(day) * 24 * time.Hour)
	receipts := make([]*client.Receipt, accesses)
	var wait sync.WaitGroup
	for i := range accesses {
		source, d := gateway, h.reads(int64(day+4*i+1), "age", "job", "credit amount")
		if i%3 == 2 && day > 4 {
			source = second
		}
		if i%4 != 1 {
			d = h.access.proven(d)
		}
		writer := h.from(source)
		wait.Go(func() {
			var err error
			if receipts[i], err = writer.Record(h.t.Context(), d); err != nil {
				h.t.Errorf("%s on day %d: %v", source, day, err)
			}
		})
	}
	wait.Wait()
	if h.t.Failed() {
		h.t.FailNow()
	}
	h.last = receipts[accesses-1]
}

// train trains a model in three steps, has it approved, and serves it.
func (h *history) train() {
	h.t.Helper()
	h.goBack(8*24*time.Hour + 4*time.Hour)
	d := client.Draft{Subject: system(), Correlation: event.Correlation{MLflow: "b7c5f1f2a6d84d7f9d0e2f6f0c7c1a55", OpenLineage: "3f1a6f0e-6b0a-4a0e-9a55-0e8a0f5b7f11"}}
	d.Claims = &event.TrainingRunClaims{Batch: 32, Dataset: h.Digest(ReleasedData), Features: []event.Feature{{Column: "job", Scale: 1 << 14}, {Column: "credit amount", Scale: 5}, {Column: "duration in months", Scale: 900}},
		Label: event.Label{Column: "class", Positive: 1}, LearningRate: 6553, L2: 65, Steps: 3, Weights: h.weights[0]}
	h.call(Run, h.Say(lab, d))
	for i := range 3 {
		d.Claims = &event.TrainingStepClaims{Run: h.Digest(Run), Step: int64(i + 1), Before: h.weights[i], After: h.weights[i+1]}
		r := h.Say(lab, h.step.proven(d))
		if i == 0 {
			h.call(FirstStep, r)
		}
		h.call(LastStep, r)
	}
	approved, err := statement.Approve([]statement.ModelRelease{{Weights: h.weights[3], Salt: table.Salt{1}}, {Weights: h.weights[1], Salt: table.Salt{2}}})
	if err != nil {
		h.t.Fatal(err)
	}
	h.call(Approved, h.Say(board, client.Draft{Subject: system(), Claims: approved.Claims(), Purpose: "release 2026.11"}))
	h.call(Served, h.Say(gateway, h.model.proven(client.Draft{Subject: system(), Claims: &event.ModelVersionClaims{Approval: h.Digest(Approved), Configuration: element("configuration"),
		Predicates: []event.Predicate{{Key: "threshold", Comparison: ">=", Bounds: []int64{500}}, {Key: "region", Comparison: "in", Bounds: []int64{1, 2, 7}}},
		Run:        h.Digest(Run), Step: h.Digest(LastStep), Version: "2026.11", Weights: h.weights[3]}})))
}

// proofs shows every state that a proof can be in.
func (h *history) proofs() {
	h.t.Helper()
	h.goBack(4*24*time.Hour + 6*time.Hour)
	h.call(AccessProven, h.Say(gateway, h.access.proven(h.reads(60, "age", "job", "housing"))))
	h.call(AccessClaimed, h.Say(gateway, h.reads(61, "age")))
	h.call(AccessDeferred, h.Say(gateway, h.access.deferred(h.reads(62, "age"))))
	h.call(AccessRefused, h.Say(gateway, h.access.deferred(h.reads(63, "age"))))
	h.call(AccessOverruled, h.Say(gateway, h.access.deferred(h.reads(64, "age"))))
	h.call(Attested, h.attest(h.access.attests(h.Receipt(AccessDeferred))))
	h.call(Refused, h.attest(refusal(h.Receipt(AccessRefused))))
	h.attest(refusal(h.Receipt(AccessOverruled)))
	h.attest(h.access.attests(h.Receipt(AccessOverruled)))
	custom := client.Draft{Subject: system(), Claims: &event.CustomClaims{Inputs: []event.Value{{Name: "records", Type: event.InputInteger, Integer: 412}, {Name: "passed", Type: event.InputBoolean, Boolean: true},
		{Name: "report", Type: event.InputText, Text: "Quarterly retention check, third quarter"}, {Name: "file", Type: event.InputDigest, Digest: event.DigestOf([]byte("report.pdf"))}}}}
	h.call(CustomProven, h.Say(bank, h.circom.proven(custom)))
	h.call(CustomClaimed, h.Say(bank, custom))
	h.call(OtherData, h.Say(bank, client.Draft{Subject: event.Subject{Name: "Branch visits", Digest: event.DigestOf([]byte("visits"))},
		Claims: &event.DatasetClaims{Columns: []event.Column{{Name: "branch", Role: event.RoleOther, Coding: event.Coding{Integer: &event.IntegerCoding{Min: 0, Max: 900}}}}, Root: element("visits"), Rows: 12}}))
}

func (h *history) attest(c *event.AttestationClaims) *client.Receipt {
	h.t.Helper()
	return h.Say(prover, client.Draft{Subject: system(), Claims: c})
}

func refusal(of *client.Receipt) *event.AttestationClaims {
	return &event.AttestationClaims{Event: of.Digest, Outcome: event.OutcomeRefused, Reason: "unsatisfied"}
}

// turns takes every turn that keys and statements can take.
func (h *history) turns() {
	h.t.Helper()
	h.goBack(4*24*time.Hour + 2*time.Hour)
	doomed, r := h.setup("data-access-64", "doomed", nil)
	h.call(Doomed, r)
	h.call(AccessDoomed, h.Say(gateway, doomed.proven(h.reads(59, "age"))))
	h.call(StatementRevoked, h.Say(operator, client.Draft{Subject: event.Subject{Name: "data-access-64", Digest: doomed.ID},
		Claims: &event.StatementClaims{Action: event.StatementRevoke, Statement: doomed.ID, From: h.At(Doomed)}}))
	h.call(AccessInDoubt, h.Say(second, h.access.proven(h.reads(58, "age"))))
	h.call(ServedByStolen, h.Say(second, client.Draft{Subject: system(), Claims: &event.ModelVersionClaims{Approval: h.Digest(Approved), Version: "2026.11-hotfix", Weights: element("stolen weights")}}))
	h.call(SourceRevoked, h.revoke(second, h.At(AccessInDoubt)))
	h.call(ProverRevoked, h.revoke(shutdown, 0))
	h.call(SourceRotated, h.rotate(gateway, gateway))
	h.call(SourceRecovered, h.rotateByRecovery(gateway, recoveryKey()))
	h.call(SourceReplaced, h.rotate(board, operator))
}

// today is what happened just now.
func (h *history) today() {
	h.t.Helper()
	h.call(Policy, h.Say(operator, client.Draft{Subject: event.Subject{Name: "the log"}, Claims: &event.PolicyClaims{Name: "proven-access",
		Description: "At least nine of ten accesses are proven.", Rules: []event.Predicate{{Key: "proven", Comparison: ">=", Bounds: []int64{9}}}}}))
	h.call(Sealed, h.Say(operator, client.Draft{Subject: event.Subject{Name: "the log"}, Claims: &event.SealClaims{Counts: make([]int64, len(event.Kinds())), Policy: h.Digest(Policy)}}))
	h.call(Erased, h.Say(operator, client.Draft{Subject: system(), Claims: &event.ErasureClaims{Event: h.Digest(AccessClaimed), Reason: "The customer asked for it, under article 17 of the GDPR.", Scope: "salts"}}))
	h.call(ServedInDark, h.Say(gateway, client.Draft{Subject: system(), Claims: &event.ModelVersionClaims{Approval: h.Digest(Approved), Configuration: element("another configuration"), Version: "2026.12-rc1", Weights: element("weights withheld")}}))
	h.last = h.call(AccessWaiting, h.Say(gateway, h.access.deferred(h.reads(57, "age", "job"))))
}
