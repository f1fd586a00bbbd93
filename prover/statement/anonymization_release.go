package statement

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/attestlog/attestlog/prover/gadget/table"
)

// Anonymized is a data set as it is released.
type Anonymized struct {
	Rows []table.Row // as many as the raw ones; suppressed ones are blank, with a salt
	Keep []bool      // for each raw row: it is released
}

// Suppressed is how many rows of the chunk of that number are left out.
func (r *Anonymized) Suppressed(capacity, chunk int) (n int64) {
	for _, keep := range r.Keep[chunk*capacity : min((chunk+1)*capacity, len(r.Keep))] {
		if !keep {
			n++
		}
	}
	return n
}

// Anonymize generalizes the rows of a data set, chunk by chunk. Rows of classes with fewer than k rows, or fewer distinct values
// of the first column than diversity, are suppressed. In each chunk the released rows come in random order, and the blanks last; salts
// are fresh, and consent masks those of the raw rows. All randomness comes from random, which must be cryptographic.
func Anonymize(l Layout, h *Hierarchy, rows []table.Row, capacity, k, diversity int, random io.Reader) (*Anonymized, error) {
	r := &Anonymized{Rows: make([]table.Row, 0, len(rows)), Keep: make([]bool, len(rows))}
	for from := 0; from < len(rows); from += capacity {
		to := min(from+capacity, len(rows))
		if err := r.chunk(l, h, rows[from:to], from, k, diversity, random); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *Anonymized) chunk(l Layout, h *Hierarchy, rows []table.Row, from, k, diversity int, random io.Reader) error {
	generalized := make([]GeneralizedRow, len(rows))
	count, values := map[class]int{}, map[class]map[uint16]bool{}
	for i, row := range rows {
		g, err := GeneralizeRow(l, h, RowElements(row))
		if err != nil {
			return fmt.Errorf("couldn't generalize row %d: %w", from+i, err)
		}
		generalized[i] = g
		if count[g.Class]++; values[g.Class] == nil {
			values[g.Class] = map[uint16]bool{}
		}
		values[g.Class][g.Sensitive] = true
	}
	var released []table.Row
	for i, g := range generalized {
		if count[g.Class] < k || len(values[g.Class]) < diversity {
			continue
		}
		r.Keep[from+i] = true
		cells := append([]uint16(nil), rows[i].Cells...)
		for slot := range QuasiSlots {
			if l.Quasi(slot) {
				cells[FirstQuasi+slot] = uint16(g.Class[slot])
			}
		}
		for d := range DirectSlots {
			if l.Direct(d) {
				cells[FirstDirect+d] = 0
			}
		}
		released = append(released, table.Row{Cells: cells, Consent: rows[i].Consent})
	}
	if err := shuffle(released, random); err != nil {
		return err
	}
	for len(released) < len(rows) {
		released = append(released, table.Row{Cells: make([]uint16, len(rows[0].Cells))})
	}
	for i := range released {
		if _, err := io.ReadFull(random, released[i].Salt[:]); err != nil {
			return fmt.Errorf("couldn't make a salt: %w", err)
		}
	}
	r.Rows = append(r.Rows, released...)
	return nil
}

// shuffle puts rows into random order. The bias of taking 64 bits modulo a small number is below 2^-50.
func shuffle(rows []table.Row, random io.Reader) error {
	for i := len(rows) - 1; i > 0; i-- {
		var b [8]byte
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return fmt.Errorf("couldn't shuffle the released rows: %w", err)
		}
		j := int(binary.BigEndian.Uint64(b[:]) % uint64(i+1))
		rows[i], rows[j] = rows[j], rows[i]
	}
	return nil
}
