package statement

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/table"
)

// Dataset computes D, the digest that circuits know a data set by, from the claims
// of its entry. Nobody states D, so nothing can contradict the claims.
func Dataset(c *event.DatasetClaims) (event.Element, error) {
	layout, err := table.LayoutFor(len(c.Columns))
	if err != nil {
		return event.Element{}, rangeError(TooManyColumns, "dataset", "%s", err)
	}
	if c.Rows < 1 || c.Rows > int64(layout.MaxRows()) {
		return event.Element{}, rangeError(TooManyRows, "dataset", "with %d columns there is room for 1 to %d rows, not %d", len(c.Columns), layout.MaxRows(), c.Rows)
	}
	root, err := toField("dataset", c.Root)
	if err != nil {
		return event.Element{}, err
	}
	return fromField(table.Commitment(root, int(c.Rows), SchemaDigest(c))), nil
}

// DatasetResolver is a [Resolver] that remembers what [Dataset] gave for the data sets that it finds: computing it takes some thirty
// microseconds, which counts where thousands of accesses to one data set are verified a second.
type DatasetResolver interface {
	Resolver
	// Dataset is Dataset of the claims of the event with that digest.
	Dataset(d event.Digest) (event.Element, error)
}

// commitmentOf is D of a data set that was found through refs.
func commitmentOf(refs Resolver, d event.Digest, c *event.DatasetClaims) (event.Element, error) {
	if r, ok := refs.(DatasetResolver); ok {
		return r.Dataset(d)
	}
	return Dataset(c)
}

// SchemaDigest is the SHA-256 of what gives a table's codes and consent bits their
// meaning: the columns and the purposes, in order. Where texts and lists stand,
// their length stands before them, so no two schemas share an encoding.
func SchemaDigest(c *event.DatasetClaims) event.Digest {
	b := []byte("attestlog/schema/v1")
	b = binary.BigEndian.AppendUint32(b, uint32(len(c.Columns)))
	for _, col := range c.Columns {
		b = appendText(b, col.Name)
		b = appendText(b, string(col.Role))
		switch {
		case col.Coding.Integer != nil:
			b = append(b, 1)
			b = binary.BigEndian.AppendUint64(b, uint64(col.Coding.Integer.Min))
			b = binary.BigEndian.AppendUint64(b, uint64(col.Coding.Integer.Max))
		case col.Coding.Category != nil:
			b = append(b, 2)
			b = appendTexts(b, col.Coding.Category.Labels)
		default:
			b = append(b, 0) // no coding: no such claims are ever encoded
		}
	}
	return sha256.Sum256(appendTexts(b, c.Purposes))
}

func appendTexts(b []byte, list []string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(list)))
	for _, s := range list {
		b = appendText(b, s)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}
