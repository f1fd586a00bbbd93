package canon

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Text describes a string of min to max bytes of UTF-8 in Normalization Form C, without U+0000, which databases can't hold.
func (o *Object) Text(name string, s *string, min, max int) {
	if o.enter(name) {
		o.c.text(s, min, max)
		o.c.pop()
	}
}

// Literal describes a member that can only be the string want.
func (o *Object) Literal(name, want string) {
	if !o.enter(name) {
		return
	}
	s := want
	o.c.text(&s, 0, max(len(want), 256), want)
	if o.c.err == nil && s != want {
		o.c.fail("this must be %q, not %q", want, Clip(s))
	}
	o.c.pop()
}

// Word describes a string out of a closed list.
func (o *Object) Word(name string, s *string, words ...string) {
	if !o.enter(name) {
		return
	}
	o.c.text(s, 0, 64, words...)
	if o.c.err == nil && !slices.Contains(words, *s) {
		o.c.fail("%q is none of %q", Clip(*s), slices.Clone(words)) // a copy, so that callers' words can stay on the stack
	}
	o.c.pop()
}

// Int describes an integer, min ≤ *n ≤ max; |min| and |max| are at most MaxInt.
func (o *Object) Int(name string, n *int64, min, max int64) {
	if o.enter(name) {
		o.c.int(n, min, max)
		o.c.pop()
	}
}

func (c *codec) int(n *int64, min, max int64) {
	if c.reading {
		*n = c.readInt()
	}
	if c.err == nil && (*n < min || *n > max) {
		c.fail("%d is not between %d and %d", *n, min, max)
	}
	if !c.reading {
		c.out = strconv.AppendInt(c.out, *n, 10)
	}
}

// Bool describes true or false.
func (o *Object) Bool(name string, b *bool) {
	if !o.enter(name) {
		return
	}
	if o.c.reading {
		*b = o.c.readBool()
	} else {
		o.c.out = strconv.AppendBool(o.c.out, *b)
	}
	o.c.pop()
}

func (c *codec) readBool() bool {
	for _, value := range []bool{true, false} {
		if word := strconv.FormatBool(value); bytes.HasPrefix(c.in[c.pos:], []byte(word)) {
			c.pos += len(word)
			return value
		}
	}
	c.fail("true or false must stand here")
	return false
}

// Hex describes exactly len(b) bytes as lower-case hex digits.
func (o *Object) Hex(name string, b []byte) {
	if !o.enter(name) {
		return
	}
	if o.c.reading {
		o.c.readHex(b)
	} else {
		o.c.out = append(o.c.out, '"')
		o.c.out = hex.AppendEncode(o.c.out, b)
		o.c.out = append(o.c.out, '"')
	}
	o.c.pop()
}

// Bytes describes min to max bytes in padded standard base64 (RFC 4648, section 4).
func (o *Object) Bytes(name string, b *[]byte, min, max int) {
	if !o.enter(name) {
		return
	}
	if o.c.reading {
		*b = o.c.readBase64(max)
	}
	if o.c.err == nil && (len(*b) < min || len(*b) > max) {
		o.c.fail("%d to %d bytes may stand here, not %d", min, max, len(*b))
	}
	if !o.c.reading {
		o.c.out = append(o.c.out, '"')
		o.c.out = base64.StdEncoding.AppendEncode(o.c.out, *b)
		o.c.out = append(o.c.out, '"')
	}
	o.c.pop()
}

// text is a string of min to max bytes. Where words are given that it is likely to be, all of them acceptable, it becomes the word
// itself and not a copy of what was read.
func (c *codec) text(s *string, min, max int, words ...string) {
	if c.err != nil {
		return
	}
	if c.reading {
		read := c.readString(max)
		if c.err != nil {
			return
		}
		for _, word := range words {
			if word == string(read) {
				*s = word
				return
			}
		}
		*s = string(read)
	}
	if reason := textFault(*s, min, max); reason != "" {
		c.fail("%s", reason)
		return
	}
	if !c.reading {
		c.out = appendString(c.out, *s)
	}
}

func textFault(s string, min, max int) string {
	switch {
	case len(s) < min || len(s) > max:
		return fmt.Sprintf("the text must have %d to %d bytes, not %d", min, max, len(s))
	case isASCII(s): // most texts are, and it is all that need be known of them
	case !utf8.ValidString(s):
		return "the text is not valid UTF-8"
	case strings.IndexByte(s, 0) >= 0:
		return "the text has the character U+0000"
	case !norm.NFC.IsNormalString(s):
		return "the text is not in Unicode Normalization Form C"
	}
	return ""
}

// isASCII tells whether s has only characters from U+0001 to U+007F.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i]-1 >= utf8.RuneSelf-1 {
			return false
		}
	}
	return true
}

// readString reads a string of at most max bytes once unescaped, which may be a part of the input. Of the escapes only those that
// RFC 8785 writes are read.
func (c *codec) readString(max int) []byte {
	if !c.expect('"', "a string must stand here") {
		return nil
	}
	rest := c.in[c.pos:]
	end := bytes.IndexByte(rest, '"')
	if end < 0 {
		c.fail("the string does not end")
		return nil
	}
	if plain := rest[:end]; bytes.IndexByte(plain, '\\') < 0 {
		if len(plain) > max {
			c.fail("the text has more than %d bytes", max)
			return nil
		}
		for i, b := range plain {
			if b < 0x20 {
				c.pos += i
				c.fail("a control character must be escaped")
				return nil
			}
		}
		c.pos += end + 1
		return plain
	}
	return c.readEscaped(max)
}

func (c *codec) readEscaped(max int) []byte {
	var out []byte
	for c.pos < len(c.in) {
		if len(out) > max {
			c.fail("the text has more than %d bytes", max)
			return nil
		}
		b := c.in[c.pos]
		switch {
		case b == '"':
			c.pos++
			return out
		case b < 0x20:
			c.fail("a control character must be escaped")
			return nil
		case b != '\\':
			out = append(out, b)
			c.pos++
		default:
			r, n := readEscape(c.in[c.pos:])
			if n == 0 {
				c.fail("this escape is not the one that RFC 8785 writes")
				return nil
			}
			out = append(out, r)
			c.pos += n
		}
	}
	c.fail("the string does not end")
	return nil
}

// readEscape reads one of the escapes that appendString writes; n is 0 for any other.
func readEscape(b []byte) (r byte, n int) {
	if len(b) < 2 {
		return 0, 0
	}
	if i := bytes.IndexByte([]byte(`"\bfnrt`), b[1]); i >= 0 {
		return "\"\\\b\f\n\r\t"[i], 2
	}
	if b[1] != 'u' || len(b) < 6 || b[2] != '0' || b[3] != '0' || (b[4] != '0' && b[4] != '1') {
		return 0, 0
	}
	low := bytes.IndexByte([]byte("0123456789abcdef"), b[5])
	if low < 0 {
		return 0, 0
	}
	r = (b[4]-'0')<<4 | byte(low)
	if bytes.IndexByte([]byte("\b\f\n\r\t"), r) >= 0 {
		return 0, 0
	}
	return r, 6
}

// appendString writes s as RFC 8785, section 3.2.2.2, does.
func appendString(out []byte, s string) []byte {
	out = append(out, '"')
	plain := 0 // where what needs no escape begins
	for i := range len(s) {
		b := s[i]
		if b >= 0x20 && b != '"' && b != '\\' {
			continue
		}
		out = append(out, s[plain:i]...)
		plain = i + 1
		switch {
		case b >= 0x20:
			out = append(out, '\\', b)
		default:
			if j := bytes.IndexByte([]byte("\b\f\n\r\t"), b); j >= 0 {
				out = append(out, '\\', "bfnrt"[j])
			} else {
				out = append(out, '\\', 'u', '0', '0', "01"[b>>4], "0123456789abcdef"[b&15])
			}
		}
	}
	out = append(out, s[plain:]...)
	return append(out, '"')
}

func (c *codec) readInt() int64 {
	if c.err != nil {
		return 0
	}
	end := c.pos
	for end < len(c.in) && end-c.pos < 18 && (c.in[end] == '-' || '0' <= c.in[end] && c.in[end] <= '9') {
		end++
	}
	digits := c.in[c.pos:end]
	n, err := strconv.ParseInt(string(digits), 10, 64)
	var again [20]byte
	if err != nil || !bytes.Equal(strconv.AppendInt(again[:0], n, 10), digits) {
		c.fail("an integer in canonical form must stand here")
		return 0
	}
	if end < len(c.in) && bytes.IndexByte([]byte(".eE"), c.in[end]) >= 0 {
		c.fail("only integers may stand here")
		return 0
	}
	if n > MaxInt || n < -MaxInt {
		c.fail("the integer has more than 53 bits")
		return 0
	}
	c.pos = end
	return n
}

func (c *codec) readHex(b []byte) {
	if !c.expect('"', "a string of hex digits must stand here") {
		return
	}
	end := c.pos + 2*len(b)
	if end >= len(c.in) || c.in[end] != '"' {
		c.fail("exactly %d hex digits must stand here", 2*len(b))
		return
	}
	digits := c.in[c.pos:end]
	for i := range b {
		high, low := nibbles[digits[2*i]], nibbles[digits[2*i+1]]
		if high == 0 || low == 0 {
			c.pos += 2 * i
			if high != 0 {
				c.pos++
			}
			c.fail("only lower-case hex digits may stand here")
			return
		}
		b[i] = (high-1)<<4 | (low - 1)
	}
	c.pos = end + 1
}

// nibbles has each lower-case hex digit's value plus 1, and 0 for everything else.
var nibbles = [256]byte{
	'0': 1, '1': 2, '2': 3, '3': 4, '4': 5, '5': 6, '6': 7, '7': 8, '8': 9, '9': 10,
	'a': 11, 'b': 12, 'c': 13, 'd': 14, 'e': 15, 'f': 16,
}

// strictBase64 refuses non-zero padding bits.
var strictBase64 = base64.StdEncoding.Strict()

func (c *codec) readBase64(max int) []byte {
	if !c.expect('"', "a string in base64 must stand here") {
		return nil
	}
	end := bytes.IndexByte(c.in[c.pos:], '"')
	if end < 0 {
		c.fail("the string does not end")
		return nil
	}
	text := c.in[c.pos : c.pos+end]
	if len(text) > base64.StdEncoding.EncodedLen(max) {
		c.fail("the value has more than %d bytes", max)
		return nil
	}
	// The library passes over line breaks, so they are looked for here.
	out := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := strictBase64.Decode(out, text)
	if err != nil || bytes.IndexByte(text, '\n') >= 0 || bytes.IndexByte(text, '\r') >= 0 {
		c.fail("this is not padded standard base64")
		return nil
	}
	c.pos += end + 1
	return out[:n]
}

// lessUTF16 orders names as RFC 8785, section 3.2.3, does: by UTF-16 code units.
func lessUTF16(a, b string) bool {
	x, y := utf16.Encode([]rune(a)), utf16.Encode([]rune(b))
	for i := 0; i < len(x) && i < len(y); i++ {
		if x[i] != y[i] {
			return x[i] < y[i]
		}
	}
	return len(x) < len(y)
}
