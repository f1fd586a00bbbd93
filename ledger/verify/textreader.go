package verify

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
)

func appendHashLines(b []byte, hashes [][32]byte) []byte {
	for _, h := range hashes {
		b = append(base64.StdEncoding.AppendEncode(b, h[:]), '\n')
	}
	return b
}

// textReader reads evidence from the front, a file of lines and of bytes whose number was said before, and keeps the first error.
type textReader struct {
	rest []byte
	err  error
}

func (r *textReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

func (r *textReader) line() []byte {
	if r.err != nil {
		return nil
	}
	line, rest, found := bytes.Cut(r.rest, []byte("\n"))
	if !found {
		r.fail("it ends within a line")
		return nil
	}
	r.rest = rest
	return line
}

func (r *textReader) header(want string) {
	if line := r.line(); r.err == nil && string(line) != want {
		r.fail("the first line is not %q", want)
	}
}

// count reads a line of a word and a number.
func (r *textReader) count(word string, most int) int {
	line := r.line()
	if r.err != nil {
		return 0
	}
	digits, found := bytes.CutPrefix(line, []byte(word+" "))
	n, ok := decimal(digits, int64(most))
	if !found || !ok {
		r.fail("%q is not %q and a number up to %d", clipText(string(line)), word, most)
		return 0
	}
	return int(n)
}

// decimal reads a number from 0 to most, written in the one way there is.
func decimal(digits []byte, most int64) (n int64, ok bool) {
	n, err := strconv.ParseInt(string(digits), 10, 64)
	return n, err == nil && n >= 0 && n <= most && strconv.FormatInt(n, 10) == string(digits)
}

// hashes reads a line of a word and a number, and as many hashes.
func (r *textReader) hashes(word string, most int) (all [][32]byte) {
	for range r.count(word, most) {
		line := r.line()
		h, err := base64.StdEncoding.Strict().DecodeString(string(line))
		if r.err == nil && (err != nil || len(h) != 32 || base64.StdEncoding.EncodeToString(h) != string(line)) {
			r.fail("%q is not 32 bytes in base64", clipText(string(line)))
		}
		if r.err != nil {
			return nil
		}
		all = append(all, [32]byte(h))
	}
	return all
}

func (r *textReader) note(word string) []byte {
	return r.bytes(r.count(word, MaxNote), "the "+word+" note")
}

// bytes takes the next n bytes, which are what.
func (r *textReader) bytes(n int, what string) []byte {
	if r.err == nil && n > len(r.rest) {
		r.fail("%s has %d bytes, and %d are left", what, n, len(r.rest))
	}
	if r.err != nil {
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}
