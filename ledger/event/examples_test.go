package event_test

import (
	"bytes"
	"crypto/ed25519"

	"github.com/attestlog/attestlog/ledger/event"
)

// examples has an event of every kind and of every shape that a kind can take. The vectors in testdata/events are made of them.
func examples() map[string]*event.Event {
	d := func(s string) event.Digest { return event.DigestOf([]byte(s)) }
	el := func(s string) event.Element { return event.Context(s, event.Digest{}, event.Digest{}) }
	public := key.Public().(ed25519.PublicKey)
	recovery := bytes.Repeat([]byte{3}, 32)
	registering := ed25519.Sign(key, event.ConsentMessage("log.example/2026", "gateway/1", public, recovery, ""))
	rotating := ed25519.Sign(key, event.ConsentMessage("log.example/2026", "gateway/1", public, nil, ""))
	const recipient = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
	proving := ed25519.Sign(key, event.ConsentMessage("log.example/2026", "gateway/1", public, nil, recipient))
	of := func(c event.Claims) *event.Event {
		return &event.Event{
			Subject: event.Subject{Name: "credit-scoring", Digest: d("system")},
			Log:     "log.example/2026", Source: "gateway/1", Seq: 2, Prev: d("before"), Time: 1700000000000,
			Proof: event.ProofNone, Claims: c,
		}
	}
	proven := func(e *event.Event, mode event.ProofMode) *event.Event {
		e.Proof, e.Statement = mode, d("verifying key")
		if mode == event.ProofDeferred {
			e.Witness = d("sealed witness")
		}
		return e
	}
	access := func() *event.DataAccessClaims {
		return &event.DataAccessClaims{Accesses: el("list"), Columns: []string{"age", "größe"}, Dataset: d("dataset"), Purpose: "credit-scoring", Records: 60}
	}
	first := of(access())
	first.Seq, first.Prev = 1, event.Digest{}
	full := proven(of(access()), event.ProofInline)
	full.Purpose, full.Jurisdiction, full.Retention = "scoring \"loans\"\n\u2028\u0001", "EU", "P10Y6M"
	full.Period = &event.Period{From: 1600000000000, To: 1600000000001}
	full.Correlation = event.Correlation{MLflow: "run-1", OpenLineage: "0190-7"}
	return map[string]*event.Event{
		"data-access":          proven(of(access()), event.ProofInline),
		"data-access-claimed":  of(access()),
		"data-access-deferred": proven(of(access()), event.ProofDeferred),
		"data-access-first":    first,
		"data-access-full":     full,
		"anonymization": of(&event.AnonymizationClaims{Chunk: 1, ChunkRows: 1024, Dataset: d("raw"), Diversity: 2, Hierarchy: el("h"), K: 5,
			Released: d("released"), Suppressed: 4}),
		"training-step": of(&event.TrainingStepClaims{After: el("after"), Before: el("before"), Run: d("run"), Step: 1}),
		"model-version": of(&event.ModelVersionClaims{Approval: d("approval"), Configuration: el("configuration"),
			Predicates: []event.Predicate{{Bounds: []int64{1, -2}, Comparison: "in", Key: "temperature"}}, Version: "1.4.0", Weights: el("w")}),
		"model-version-run": of(&event.ModelVersionClaims{Approval: d("approval"), Configuration: el("configuration"), Run: d("run"), Step: d("step"), Version: "1.4.0", Weights: el("w")}),
		"dataset": of(&event.DatasetClaims{
			Columns: []event.Column{
				{Coding: event.Coding{Integer: &event.IntegerCoding{Min: -5, Max: 120}}, Name: "age", Role: event.RoleQuasi},
				{Coding: event.Coding{Category: &event.CategoryCoding{Labels: []string{"good", "bad"}}}, Name: "class", Role: event.RoleSensitive},
			},
			Purposes: []string{"credit-scoring", "audit"}, Root: el("root"), Rows: 1000}),
		"training-run": of(&event.TrainingRunClaims{Batch: 32, Dataset: d("dataset"),
			Features: []event.Feature{{Column: "age", Offset: -131072, Scale: 3277}, {Column: "größe", Scale: -1}}, L2: 66,
			Label: event.Label{Column: "class", Positive: 1}, LearningRate: 6554, Steps: 20, Weights: el("w0")}),
		"approval": of(&event.ApprovalClaims{Releases: el("releases")}),
		"source-register": of(&event.SourceClaims{Action: event.SourceRegister, Consent: registering, Key: public,
			Recovery: recovery, Role: event.RoleService, Source: "gateway/1"}),
		"source-register-prover": of(&event.SourceClaims{Action: event.SourceRegister, Consent: proving, Key: public,
			Recipient: recipient, Role: event.RoleProver, Source: "gateway/1"}),
		"source-rotate": of(&event.SourceClaims{Action: event.SourceRotate, Consent: rotating, Key: public, Source: "gateway/1"}),
		"source-revoke": of(&event.SourceClaims{Action: event.SourceRevoke, From: 17, Key: public, Source: "gateway/1"}),
		"statement-register": of(&event.StatementClaims{Action: event.StatementRegister, ConstraintSystem: d("ccs"), Constraints: 200000,
			Proves: event.DataAccess, Name: "data-access-64", ProvingKey: d("pk"), ProvingKeySize: 95 << 20, Setup: event.SetupOneParty, VerifyingKey: bytes.Repeat([]byte{1}, 450)}),
		"statement-ceremony": of(&event.StatementClaims{Action: event.StatementRegister, ConstraintSystem: d("ccs"), Constraints: 200000,
			Proves: event.DataAccess, Name: "data-access-64", ProvingKey: d("pk"), ProvingKeySize: 95 << 20, Setup: event.SetupCeremony, Transcript: d("t"), VerifyingKey: bytes.Repeat([]byte{1}, 450)}),
		"statement-import": of(&event.StatementClaims{Action: event.StatementRegister, Proves: event.Custom, Name: "income-threshold", Setup: event.SetupImported,
			Inputs: []event.Input{{Name: "threshold", Type: event.InputInteger, Min: -1, Max: 1000000}, {Name: "register", Type: event.InputDataset}},
			Shows:  "An income of the register is above the threshold.", NotShown: []string{"Whose income it is."}, VerifyingKey: bytes.Repeat([]byte{1}, 400)}),
		"statement-import-bare": of(&event.StatementClaims{Action: event.StatementRegister, Proves: event.Custom, Name: "x", Setup: event.SetupImported,
			Shows: "Nothing.", NotShown: []string{"Anything."}, Transcript: d("zkey"), VerifyingKey: bytes.Repeat([]byte{1}, 400)}),
		"custom": proven(of(&event.CustomClaims{Inputs: []event.Value{
			{Name: "adult", Type: event.InputBoolean, Boolean: true}, {Name: "register", Type: event.InputDataset, Dataset: d("dataset")},
			{Name: "model", Type: event.InputDigest, Digest: d("model")}, {Name: "root", Type: event.InputElement, Element: el("root")},
			{Name: "balance", Type: event.InputInteger, Integer: -5}, {Name: "city", Type: event.InputText, Text: "Köln"}}}), event.ProofInline),
		"custom-claimed":      of(&event.CustomClaims{}),
		"statement-revoke":    of(&event.StatementClaims{Action: event.StatementRevoke, Statement: d("verifying key")}),
		"attestation-proven":  of(&event.AttestationClaims{Event: d("event"), Outcome: event.OutcomeProven, Proof: bytes.Repeat([]byte{5}, 128)}),
		"attestation-refused": of(&event.AttestationClaims{Event: d("event"), Outcome: event.OutcomeRefused, Reason: "unsatisfied"}),
		"seal":                proven(of(&event.SealClaims{Chunk: 3, Counts: make([]int64, 14), Policy: d("policy"), Root: el("chunk")}), event.ProofInline),
		"policy": of(&event.PolicyClaims{Description: "Nobody reads for marketing.", Name: "no-marketing",
			Rules: []event.Predicate{{Bounds: []int64{3}, Comparison: "!=", Key: "purpose"}}}),
		"erasure": of(&event.ErasureClaims{Event: d("event"), Reason: "request of the data subject", Scope: "salts"}),
	}
}
