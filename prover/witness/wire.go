package witness

import (
	"encoding/binary"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/table"
)

// wire goes through a witness's members in order, either to write them or to read them: one description of each kind of witness
// serves both, so that what is read is what was written. After the first fault it does nothing more.
type wire struct {
	reading bool
	out     []byte // written so far
	in      []byte // still to be read
	err     error
}

// fail notes what is wrong with a member. It must never be told the member's value: witnesses are private.
func (w *wire) fail(what, format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(what+": "+format, args...)
	}
}

// raw is bytes of a length that both sides know.
func (w *wire) raw(what string, b []byte) {
	if w.err != nil {
		return
	}
	if !w.reading {
		w.out = append(w.out, b...)
		return
	}
	if len(w.in) < len(b) {
		w.fail(what, "%d bytes are missing", len(b)-len(w.in))
		return
	}
	copy(b, w.in)
	w.in = w.in[len(b):]
}

// unsigned is a number from 0 to the given limit, big-endian, in 1, 2 or 4 bytes.
func (w *wire) unsigned(what string, v *int, size int, limit int) {
	if !w.reading && (*v < 0 || *v > limit) {
		w.fail(what, "the number is not between 0 and %d", limit)
		return
	}
	var b [4]byte
	if !w.reading {
		binary.BigEndian.PutUint32(b[:], uint32(*v))
	}
	w.raw(what, b[len(b)-size:])
	if w.reading && w.err == nil {
		if *v = int(binary.BigEndian.Uint32(b[:])); *v > limit {
			w.fail(what, "the number is not between 0 and %d", limit)
		}
	}
}

// signed is a number in 8 bytes, big-endian, in two's complement.
func (w *wire) signed(what string, v *int64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(*v))
	w.raw(what, b[:])
	*v = int64(binary.BigEndian.Uint64(b[:]))
}

// signed32 is a number in 4 bytes, big-endian, in two's complement.
func (w *wire) signed32(what string, v *int32) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(*v))
	w.raw(what, b[:])
	*v = int32(binary.BigEndian.Uint32(b[:]))
}

// flag is one byte, 0 or 1.
func (w *wire) flag(what string, v *bool) {
	var b [1]byte
	if *v {
		b[0] = 1
	}
	w.raw(what, b[:])
	if b[0] > 1 {
		w.fail(what, "a flag is neither 0 nor 1")
	}
	*v = b[0] == 1
}

// text is a byte that says how long it is, 1 to the limit, and that many bytes of UTF-8 without U+0000.
func (w *wire) text(what string, s *string, limit int) {
	n := len(*s)
	w.unsigned(what, &n, 1, limit)
	if w.err != nil {
		return
	}
	b := []byte(*s)
	if w.reading {
		b = make([]byte, n)
	}
	w.raw(what, b)
	if w.err == nil && (n == 0 || !utf8.Valid(b) || slices.Contains(b, 0)) {
		w.fail(what, "the text is empty, not UTF-8, or has a zero in it")
	}
	*s = string(b)
}

// count is the length of a list, at most the limit, in 2 bytes.
func (w *wire) count(what string, n int, limit int) int {
	w.unsigned("the number of "+what, &n, 2, limit)
	if w.err != nil {
		return 0
	}
	return n
}

// list makes room for n members where they are read, and holds the writer to that number.
func list[T any](w *wire, what string, l *[]T, n int) {
	if w.err != nil {
		return
	}
	if w.reading {
		*l = make([]T, n)
	} else if len(*l) != n {
		w.fail(what, "there are %d, and must be %d", len(*l), n)
	}
}

// field is an element of the field: 32 bytes, big-endian, below its order.
func (w *wire) field(what string, e *fr.Element) {
	b := e.Bytes()
	w.raw(what, b[:])
	if w.reading && w.err == nil && e.SetBytesCanonical(b[:]) != nil {
		w.fail(what, "a number is not below the order of the field")
	}
}

func (w *wire) fields(what string, list []fr.Element) {
	for i := range list {
		w.field(what, &list[i])
	}
}

// element is a field element as claims have it.
func (w *wire) element(what string, e *event.Element) {
	w.raw(what, e[:])
	if w.err == nil && !e.Valid() {
		w.fail(what, "a number is not below the order of the field")
	}
}

// opening is a row's opening: its index, its block, whose length the layout says, and its siblings.
func (w *wire) opening(o *table.Opening, l table.Layout) {
	w.unsigned("index", &o.Index, 4, maxUint32)
	list(w, "block", &o.Block, l.BlockElements())
	if w.err != nil {
		return
	}
	w.fields("block", o.Block)
	for level := range o.Siblings {
		w.fields("siblings", o.Siblings[level][:])
	}
}

const maxUint32 = 1<<32 - 1
