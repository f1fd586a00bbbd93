package ledger

import (
	"crypto/sha256"
	"fmt"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/internal/tilestore"
	"github.com/attestlog/attestlog/ledger/verify"
)

// hashWitnesses computes what the sealed witnesses of a request are known by, once their events' signatures hold.
func (d *door) hashWitnesses(list []*candidate) {
	var with []*candidate
	for _, c := range list {
		if len(c.sub.Witness) > 0 && c.refusal == nil && c.duplicate == nil {
			with = append(with, c)
		}
	}
	d.each(len(with), func(i int) { with[i].sealed = sha256.Sum256(with[i].sub.Witness) })
}

// judgeDeferral holds the witness that came along against the payload, and asks whether anybody could open it. The witness itself is
// sealed: whether it satisfies the statement is for a proving worker to find out.
func judgeDeferral(registry *verify.Registry, c *candidate) *Refusal {
	switch {
	case len(c.sub.Witness) == 0:
		return &Refusal{Code: WitnessMissing, Detail: "the payload says proof: deferred, and no witness came along; send the sealed witness beside the envelope"}
	case c.sealed != c.event.Witness:
		return &Refusal{Code: WitnessMismatch, Detail: fmt.Sprintf("the witness that came along has the SHA-256 %s, and the payload says %s", c.sealed, c.event.Witness)}
	case len(registry.Provers()) == 0:
		return &Refusal{Code: Deferred, Detail: "no proving worker stands ready for this log: none is registered that has a live key and a recipient to seal witnesses to; " +
			"send the event with an inline proof, or have the operator register a prover"}
	}
	return nil
}

// storeWitness puts a placed event's witness beside the log, in the transaction that writes its entry. There is no row of the event
// yet, unless somebody put an older log into the database; then the new one counts.
func storeWitness(tx *tilestore.Tx, c *candidate) {
	tx.Exec(`INSERT INTO witnesses (event, idx, statement, sealed, received) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (event) DO UPDATE SET idx = excluded.idx, statement = excluded.statement, sealed = excluded.sealed, received = excluded.received, job = NULL`,
		c.digest[:], c.placed.index, c.event.Statement[:], c.sub.Witness, c.placed.logged)
}

// dropWitness takes an attested event's witness away, in the transaction that writes the attestation: nobody needs it any more, and
// whoever has a job for the event sees that it is done. That makes proving happen once in effect, however often it is tried.
func dropWitness(tx *tilestore.Tx, attested event.Digest) {
	tx.Exec("DELETE FROM witnesses WHERE event = $1", attested[:])
}
