// Package canon reads and writes the one byte form that attestlog gives to an entry: RFC 8785 (JCS) JSON,
// narrowed to what an entry needs.
//
// An object's shape is described once, as a function that names its members in canonical order, each with its
// bounds:
//
//	func (s *Subject) members(o *canon.Object) {
//		o.Digest("digest", &s.Digest)
//		o.Text("name", &s.Name, 1, 256)
//	}
//
// The same function encodes and decodes. Reading is therefore strict by construction: a member that is unknown,
// missing, repeated or out of order, white space, an escape that RFC 8785 would not write, a null, a fraction or
// text that is not in Unicode's Normalization Form C is not "tolerated, then normalised"; it is simply not what comes next. So
//
//	encode(decode(b)) == b
//
// for every b that decodes, and two parties can't disagree about what was hashed.
//
// Numbers are integers of at most 53 bits (RFC 8785, section 3.2.2.3, and RFC 7493), strings are bounded in bytes before they
// are copied, and arrays are bounded in length before they grow. No input makes this package panic.
package canon

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// MaxInt is the largest magnitude of an integer: 2^53 − 1, the largest that every JSON implementation reads exactly.
const MaxInt = 1<<53 - 1

// Error says what is wrong with bytes that should have been canonical, and where.
type Error struct {
	// Path names the member, in the manner of "predicate.claims.columns[3].name"; empty at the top.
	Path string
	// Offset is the byte at which reading stopped; −1 where a value could not be written.
	Offset int
	// Reason says what is wrong, in words that need no context.
	Reason string
}

func (e *Error) Error() string {
	where := e.Path
	if where == "" {
		where = "the document"
	}
	if e.Offset < 0 {
		return fmt.Sprintf("%s: %s", where, e.Reason)
	}
	return fmt.Sprintf("%s: %s (at byte %d)", where, e.Reason, e.Offset)
}

// Object is one JSON object on its way in or out. Its methods name the members in canonical order. After the first error the
// other methods do nothing, so a description needs no error handling of its own.
type Object struct {
	c     *codec
	last  string
	first bool
}

// codec is the state of one encoding or decoding. in is the whole input when reading; out grows when writing.
type codec struct {
	reading bool
	in      []byte
	pos     int
	out     []byte
	path    []step
	err     error

	// A description gets pointers to these, so they are on the heap: here, and not one by one, because every event that is
	// submitted comes through. What is deeper than anything in the log allocates.
	steps   [8]step   // where path begins
	objects [6]Object // those that are open, from the outside in
	open    int       // how many are
	at      Element   // which element it is, path says
}

func (c *codec) start(members func(*Object)) {
	c.path = c.steps[:0]
	c.at.c = c
	c.object(members)
}

// step is one part of a path: a member's name, or an element's number where the name is empty.
type step struct {
	name    string
	element int
}

// Encode writes the object that members describes, in canonical form.
func Encode(members func(*Object)) ([]byte, error) {
	return AppendEncode(make([]byte, 0, 1024), members)
}

// AppendEncode is Encode, appending to dst.
func AppendEncode(dst []byte, members func(*Object)) ([]byte, error) {
	c := &codec{out: dst}
	c.start(members)
	if c.err != nil {
		return nil, c.err
	}
	return c.out, nil
}

// Decode reads b, which must be exactly the canonical form of the object that members describes.
// Every error is an *Error. What members point at is unspecified after an error.
func Decode(b []byte, members func(*Object)) error {
	c := &codec{reading: true, in: b}
	c.start(members)
	if c.err == nil && c.pos != len(b) {
		c.fail("something follows the end of the document")
	}
	return c.err
}

// Reading tells a description whether it reads; only needed where a member's presence depends on another one's value.
func (o *Object) Reading() bool { return o.c.reading }

// Err is the first error so far.
func (o *Object) Err() error { return o.c.err }

// Fail records that the value of member name is not acceptable for a reason that its type can't express.
func (o *Object) Fail(name, format string, args ...any) {
	o.c.push(name)
	o.c.fail(format, args...)
	o.c.pop()
}

// Has tells whether an optional member comes next. When writing it returns present. A description uses it as
//
//	if o.Has("purpose", e.Purpose != "") { o.Text("purpose", &e.Purpose, 1, 64) }
func (o *Object) Has(name string, present bool) bool {
	if o.c.err != nil {
		return false
	}
	if !o.c.reading {
		return present
	}
	return o.nextIs(name) > 0
}

// Object describes a member that is an object itself.
func (o *Object) Object(name string, members func(*Object)) {
	if o.enter(name) {
		o.c.object(members)
		o.c.pop()
	}
}

// List describes a member that is an array of *n elements, min ≤ *n ≤ max. Reading, element is called for 0, 1, … and must make room for the
// element itself; *n is set at the end.
func (o *Object) List(name string, n *int, min, max int, element func(i int, e *Element)) {
	if !o.enter(name) {
		return
	}
	if o.c.reading {
		o.c.readList(n, min, max, element)
	} else {
		o.c.writeList(*n, min, max, element)
	}
	o.c.pop()
}

// Element is one element of an array.
type Element struct{ c *codec }

// Object describes an element that is an object.
func (e *Element) Object(members func(*Object)) { e.c.object(members) }

// Text describes an element that is a string of min to max bytes in NFC.
func (e *Element) Text(s *string, min, max int) { e.c.text(s, min, max) }

// Int describes an element that is an integer between min and max.
func (e *Element) Int(n *int64, min, max int64) { e.c.int(n, min, max) }

func (c *codec) object(members func(*Object)) {
	if c.err != nil {
		return
	}
	o := c.enterObject()
	defer c.leaveObject()
	if !c.reading {
		c.out = append(c.out, '{')
		members(o)
		c.out = append(c.out, '}')
		return
	}
	if !c.expect('{', "an object must stand here") {
		return
	}
	members(o)
	if c.err != nil {
		return
	}
	if c.pos < len(c.in) && c.in[c.pos] == '}' {
		c.pos++
		return
	}
	o.explainExtra()
}

// enterObject makes the next object, in the room that there is for it until leaveObject.
func (c *codec) enterObject() *Object {
	c.open++
	if c.open > len(c.objects) {
		return &Object{c: c, first: true}
	}
	o := &c.objects[c.open-1]
	*o = Object{c: c, first: true}
	return o
}

func (c *codec) leaveObject() { c.open-- }

// enter moves to the value of member name. It reports false if something went wrong; the caller pops the path after the value.
func (o *Object) enter(name string) bool {
	c := o.c
	if c.err != nil {
		return false
	}
	c.push(name)
	if !o.first && name <= o.last {
		panic(fmt.Sprintf("canon: member %q is described after %q, which is not canonical order", name, o.last))
	}
	if c.reading && !o.readName(name) {
		return false
	}
	if !c.reading {
		if !o.first {
			c.out = append(c.out, ',')
		}
		c.out = appendString(c.out, name)
		c.out = append(c.out, ':')
	}
	o.first, o.last = false, name
	return true
}

// readName consumes the separator and the member's name, or says which of the many ways to be wrong this is.
func (o *Object) readName(name string) bool {
	c := o.c
	if next := o.nextIs(name); next > 0 {
		c.pos = next
		return true
	}
	got, ok := o.scanName()
	switch {
	case !ok:
		if c.pos < len(c.in) && c.in[c.pos] == '}' {
			c.fail("this member is missing")
		} else {
			c.pop()
			c.fail("expected the member %q here, in canonical form", name)
		}
	case !o.first && got == o.last:
		c.pop()
		c.fail("the member %q stands twice", got)
	case !o.first && lessUTF16(got, o.last):
		c.pop()
		c.fail("the member %q is out of canonical order (it follows %q)", Clip(got), o.last)
	case lessUTF16(got, name):
		c.pop()
		c.fail("the member %q is not known here", Clip(got))
	default:
		c.fail("this member is missing (%q stands in its place)", Clip(got))
	}
	return false
}

// explainExtra reports what stands where the object should have ended.
func (o *Object) explainExtra() {
	c := o.c
	got, ok := o.scanName()
	switch {
	case !ok:
		c.fail("the object must end here, or continue in canonical form")
	case !o.first && got == o.last:
		c.fail("the member %q stands twice", got)
	case !o.first && lessUTF16(got, o.last):
		c.fail("the member %q is out of canonical order (it follows %q)", Clip(got), o.last)
	default:
		c.fail("the member %q is not known here", Clip(got))
	}
}

// nextIs returns the position behind `,"name":` (no comma before the first member) if that comes next, else 0.
func (o *Object) nextIs(name string) int {
	in, i := o.c.in, o.c.pos
	if !o.first {
		if i >= len(in) || in[i] != ',' {
			return 0
		}
		i++
	}
	end := i + len(name) + 3
	if end > len(in) || in[i] != '"' || string(in[i+1:end-2]) != name || in[end-2] != '"' || in[end-1] != ':' {
		return 0
	}
	return end
}

// scanName reads the name of whatever member comes next, for an error to name it.
func (o *Object) scanName() (name string, ok bool) {
	in, i := o.c.in, o.c.pos
	if !o.first && i < len(in) && in[i] == ',' {
		i++
	}
	if i >= len(in) || in[i] != '"' {
		return "", false
	}
	for j := i + 1; j < len(in) && j-i <= maxName; j++ {
		switch in[j] {
		case '\\':
			return "", false
		case '"':
			return string(in[i+1 : j]), j+1 < len(in) && in[j+1] == ':'
		}
	}
	return "", false
}

// maxName bounds a member's name, in bytes.
const maxName = 64

func (c *codec) readList(n *int, min, max int, element func(int, *Element)) {
	if !c.expect('[', "an array must stand here") {
		return
	}
	count := 0
	if c.pos < len(c.in) && c.in[c.pos] == ']' {
		c.pos++
	} else {
		for {
			if count == max {
				c.fail("at most %d elements may stand here", max)
				return
			}
			c.element(count, element)
			if c.err != nil {
				return
			}
			count++
			if c.pos < len(c.in) && c.in[c.pos] == ',' {
				c.pos++
				continue
			}
			if !c.expect(']', "the array must end here, or continue after a comma") {
				return
			}
			break
		}
	}
	if count < min {
		c.fail("at least %d elements must stand here, not %d", min, count)
		return
	}
	*n = count
}

func (c *codec) writeList(n, min, max int, element func(int, *Element)) {
	if n < min || n > max {
		c.fail("%d to %d elements may stand here, not %d", min, max, n)
		return
	}
	c.out = append(c.out, '[')
	for i := range n {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		c.element(i, element)
	}
	c.out = append(c.out, ']')
}

func (c *codec) element(i int, element func(int, *Element)) {
	if c.err != nil {
		return
	}
	c.path = append(c.path, step{element: i})
	element(i, &c.at)
	c.pop()
}

func (c *codec) expect(b byte, otherwise string) bool {
	if c.pos < len(c.in) && c.in[c.pos] == b {
		c.pos++
		return true
	}
	c.fail("%s", otherwise)
	return false
}

func (c *codec) push(name string) {
	if c.err == nil {
		c.path = append(c.path, step{name: name})
	}
}

func (c *codec) pop() {
	if c.err == nil {
		c.path = c.path[:len(c.path)-1]
	}
}

func (c *codec) fail(format string, args ...any) {
	if c.err != nil {
		return
	}
	path := ""
	for _, p := range c.path {
		switch {
		case p.name == "":
			path += fmt.Sprintf("[%d]", p.element)
		case path == "":
			path = p.name
		default:
			path += "." + p.name
		}
	}
	offset := -1
	if c.reading {
		offset = c.pos
	}
	c.err = &Error{Path: path, Offset: offset, Reason: fmt.Sprintf(format, args...)}
}

// IsNotCanonical tells whether err comes from this package: bytes or values that have no canonical form.
func IsNotCanonical(err error) bool {
	var e *Error
	return errors.As(err, &e)
}

// maxClip is how many bytes of a text Clip leaves.
const maxClip = 64

// Clip shortens a text that was read, for an error that quotes it.
func Clip(s string) string {
	if len(s) <= maxClip {
		return s
	}
	end := maxClip
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
