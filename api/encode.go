package api

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// Answers are appended by hand: a batch of 1,000 receipts has 30,000 hashes, and reflection over them would cost as
// much as verifying the signatures. Members stand in canonical order where nothing speaks against it.

func appendHex(b, bytes []byte) []byte {
	b = append(b, '"')
	b = hex.AppendEncode(b, bytes)
	return append(b, '"')
}

func appendBase64(b, bytes []byte) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, bytes)
	return append(b, '"')
}

func appendHashes(b []byte, hashes [][32]byte) []byte {
	b = append(b, '[')
	for i := range hashes {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendHex(b, hashes[i][:])
	}
	return append(b, ']')
}

func appendNext(b []byte, n ledger.Next) []byte {
	b = append(b, `{"prev":`...)
	b = appendHex(b, n.Prev[:])
	b = append(b, `,"seq":`...)
	b = strconv.AppendInt(b, n.Seq, 10)
	return append(b, '}')
}

// shape is what of a receipt a client wants to have.
type shape struct {
	minimal bool   // neither leaf nor hashes: Prefer: return=minimal
	shared  string // a checkpoint that stands elsewhere in the answer, and so not in the receipt
}

// receiptRoom is about how many bytes a receipt takes, rather more than less.
func receiptRoom(r *ledger.Receipt, as shape) int {
	size := 300
	if string(r.Checkpoint) != as.shared {
		size += 2 * len(r.Checkpoint)
	}
	if !as.minimal {
		size += base64.StdEncoding.EncodedLen(len(r.Leaf)) + 67*len(r.Hashes)
	}
	return size
}

// appendReceipt appends {digest, index, leaf, logged, proof}.
func appendReceipt(b []byte, r *ledger.Receipt, as shape) []byte {
	b = append(b, `{"digest":`...)
	b = appendHex(b, r.Digest[:])
	b = append(b, `,"index":`...)
	b = strconv.AppendInt(b, r.Index, 10)
	if !as.minimal {
		b = append(b, `,"leaf":`...)
		b = appendBase64(b, r.Leaf)
	}
	b = append(b, `,"logged":`...)
	b = strconv.AppendInt(b, r.Logged, 10)
	b = append(b, `,"proof":{`...)
	if string(r.Checkpoint) != as.shared {
		b = append(b, `"checkpoint":`...)
		b = appendString(b, string(r.Checkpoint))
		b = append(b, ',')
	}
	if !as.minimal {
		b = append(b, `"hashes":`...)
		b = appendHashes(b, r.Hashes)
		b = append(b, ',')
	}
	b = append(b, `"index":`...)
	b = strconv.AppendInt(b, r.Index, 10)
	b = append(b, `,"size":`...)
	b = strconv.AppendInt(b, r.Size, 10)
	return append(b, "}}"...)
}

// appendOutcome appends {receipt, status} or {problem, status}.
func appendOutcome(b []byte, o *ledger.Outcome, as shape) []byte {
	status := http.StatusCreated
	switch {
	case o.Refusal != nil:
		status = typeOf(o.Refusal.Code).status
		b = append(b, `{"problem":`...)
		b = appendProblem(b, o.Refusal)
	default:
		if o.Duplicate {
			status = http.StatusOK
		}
		b = append(b, `{"receipt":`...)
		b = appendReceipt(b, o.Receipt, as)
	}
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(status), 10)
	return append(b, '}')
}

// appendEntry appends an entry, with the payload as the JSON that it is.
func appendEntry(b []byte, e *ledger.Entry) []byte {
	b = append(b, '{')
	if proof := e.Decoded.Proof; len(proof) > 0 {
		b = append(b, `"attestation":{"proof":`...)
		b = appendBase64(b, proof)
		b = append(b, "},"...)
	}
	if e.Deferral != nil {
		b = append(b, `"deferral":{`...)
		if index := e.Deferral.Attestation(); index >= 0 {
			b = append(b, `"attestation":`...)
			b = strconv.AppendInt(b, index, 10)
			b = append(b, ',')
		}
		b = append(b, `"state":"`...)
		b = append(b, e.Deferral.State()...)
		b = append(b, `"},`...)
	}
	b = append(b, `"digest":`...)
	b = appendHex(b, e.Digest[:])
	b = append(b, `,"event":`...)
	b = append(b, e.Decoded.Envelope.Payload...) // canonical JSON, or it would not be in the log
	b = append(b, `,"index":`...)
	b = strconv.AppendInt(b, e.Index, 10)
	b = append(b, `,"keyid":`...)
	b = appendHex(b, e.Decoded.Envelope.KeyID[:])
	b = append(b, `,"kind":`...)
	b = appendString(b, e.Event.Kind().String())
	b = append(b, `,"leaf":`...)
	b = appendBase64(b, e.Leaf)
	b = append(b, `,"logged":`...)
	b = strconv.AppendInt(b, e.Decoded.Logged, 10)
	return append(b, '}')
}

// appendHead appends a published head, with the hashes that link it to another one if there are any.
func appendHead(b []byte, h ledger.PublishedHead, link [][32]byte) []byte {
	b = append(b, `{"checkpoint":`...)
	b = appendString(b, string(h.Note))
	if len(link) > 0 {
		b = append(b, `,"consistency":`...)
		b = appendHashes(b, link)
	}
	b = append(b, `,"published":`...)
	b = strconv.AppendInt(b, h.Published, 10)
	b = append(b, `,"root":`...)
	b = appendHex(b, h.Root[:])
	b = append(b, `,"size":`...)
	b = strconv.AppendInt(b, h.Size, 10)
	return append(b, '}')
}

func appendSource(b []byte, s *ledger.SourceState) []byte {
	b = append(b, `{"epoch":`...)
	b = strconv.AppendInt(b, int64(s.Epoch), 10)
	if len(s.Key) > 0 {
		id := event.KeyID(s.Key)
		b = append(b, `,"key":`...)
		b = appendBase64(b, s.Key)
		b = append(b, `,"keyid":`...)
		b = appendHex(b, id[:])
	}
	b = append(b, `,"name":`...)
	b = appendString(b, s.Name)
	b = append(b, `,"next":`...)
	b = appendNext(b, s.Next)
	if s.Recipient != "" {
		b = append(b, `,"recipient":`...)
		b = appendString(b, s.Recipient)
	}
	if len(s.Recovery) > 0 {
		b = append(b, `,"recovery":`...)
		b = appendBase64(b, s.Recovery)
	}
	b = append(b, `,"registered":`...)
	b = strconv.AppendInt(b, s.Registered, 10)
	b = append(b, `,"role":`...)
	b = appendString(b, string(s.Role))
	b = append(b, `,"status":`...)
	b = appendString(b, s.Status)
	return append(b, '}')
}

func appendStatement(b []byte, s *ledger.StatementState) []byte {
	c := s.Claims
	imported := c.Proves == event.Custom
	b = append(b, '{')
	if !imported {
		b = append(b, `"constraintSystem":`...)
		b = appendHex(b, c.ConstraintSystem[:])
		b = append(b, `,"constraints":`...)
		b = strconv.AppendInt(b, c.Constraints, 10)
		b = append(b, ',')
	}
	b = append(b, `"digest":`...)
	b = appendHex(b, s.Digest[:])
	if imported {
		b = appendInputs(append(b, `,"inputs":[`...), c.Inputs)
	}
	b = append(b, `,"name":`...)
	b = appendString(b, c.Name)
	if imported {
		b = append(b, `,"notShown":[`...)
		for i, sentence := range c.NotShown {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, sentence)
		}
		b = append(b, ']')
	}
	b = append(b, `,"proves":`...)
	b = appendString(b, c.Proves.String())
	if !imported {
		b = append(b, `,"provingKey":`...)
		b = appendHex(b, c.ProvingKey[:])
		b = append(b, `,"provingKeySize":`...)
		b = strconv.AppendInt(b, c.ProvingKeySize, 10)
	}
	b = append(b, `,"registered":`...)
	b = strconv.AppendInt(b, s.Registered, 10)
	b = append(b, `,"setup":`...)
	b = appendString(b, string(c.Setup))
	if imported {
		b = append(b, `,"shows":`...)
		b = appendString(b, c.Shows)
	}
	b = append(b, `,"status":`...)
	b = appendString(b, s.Status)
	if !c.Transcript.IsZero() {
		b = append(b, `,"transcript":`...)
		b = appendHex(b, c.Transcript[:])
	}
	b = append(b, `,"trust":`...)
	b = appendString(b, verify.SetupWords(c.Setup))
	b = append(b, `,"verifyingKey":`...)
	b = appendBase64(b, c.VerifyingKey)
	return append(b, '}')
}

// appendInputs appends what describes an imported statement's inputs, and closes the list.
func appendInputs(b []byte, inputs []event.Input) []byte {
	for i, in := range inputs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		if in.Type == event.InputInteger {
			b = append(b, `"max":`...)
			b = strconv.AppendInt(b, in.Max, 10)
			b = append(b, `,"min":`...)
			b = strconv.AppendInt(b, in.Min, 10)
			b = append(b, ',')
		}
		b = append(b, `"name":`...)
		b = appendString(b, in.Name)
		b = append(b, `,"type":`...)
		b = appendString(b, string(in.Type))
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendList appends {"<name>":[…]} and leaves the object open.
func appendList[T any](b []byte, name string, list []T, appendOne func([]byte, *T) []byte) []byte {
	b = append(b, `{"`+name+`":[`...)
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendOne(b, &list[i])
	}
	return append(b, ']')
}
