package api

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// maxDepth is how deep objects and arrays may stand in each other. A submission needs four levels.
const maxDepth = 16

// cutValue cuts one JSON value off the front of b, white space before it included. It finds where the value ends and
// no more: whoever decodes the value judges what is in it. What it refuses is an end that can't be found.
func cutValue(b []byte) (value, rest []byte, err error) {
	b = skipSpace(b)
	if len(b) == 0 {
		return nil, nil, fmt.Errorf("a value is missing at the end")
	}
	if b[0] != '{' && b[0] != '[' {
		return cutScalar(b)
	}
	depth := 0
	for i := 0; i < len(b); {
		switch b[i] {
		case '"':
			n, err := stringEnd(b[i:])
			if err != nil {
				return nil, nil, err
			}
			i += n
			continue
		case '{', '[':
			if depth++; depth > maxDepth {
				return nil, nil, fmt.Errorf("values stand more than %d deep in each other", maxDepth)
			}
		case '}', ']':
			if depth--; depth == 0 {
				return b[:i+1], b[i+1:], nil
			}
		}
		i++
	}
	return nil, nil, fmt.Errorf("an object or an array does not end")
}

func cutScalar(b []byte) (value, rest []byte, err error) {
	if b[0] == '"' {
		n, err := stringEnd(b)
		if err != nil {
			return nil, nil, err
		}
		return b[:n], b[n:], nil
	}
	n := bytes.IndexAny(b, ",]} \t\r\n")
	if n < 0 {
		n = len(b)
	}
	if n == 0 {
		return nil, nil, fmt.Errorf("a value is missing before %q", b[0])
	}
	return b[:n], b[n:], nil
}

// stringEnd finds the end of the string that b starts with, the closing quotation mark included.
func stringEnd(b []byte) (int, error) {
	for i := 1; ; {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return 0, fmt.Errorf("a string does not end")
		}
		end := i + n
		escapes := 0
		for b[end-1-escapes] == '\\' && end-1-escapes > 0 {
			escapes++
		}
		i = end + 1
		if escapes%2 == 0 {
			return i, nil
		}
	}
}

func skipSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\n' || b[0] == '\r' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}

// cutToken cuts one byte of punctuation off the front of b, white space before it included.
func cutToken(b []byte, token byte) (rest []byte, ok bool) {
	b = skipSpace(b)
	if len(b) == 0 || b[0] != token {
		return b, false
	}
	return b[1:], true
}

// cutBatch cuts the body of a batch, {"events":[…]}, into its submissions, at most max of them.
func cutBatch(body []byte, most int) (events [][]byte, err error) {
	wrong := func(what string) ([][]byte, error) {
		return nil, fmt.Errorf(`the body must be {"events":[…]}: %s`, what)
	}
	if !utf8.Valid(body) {
		return wrong("it is not UTF-8")
	}
	rest, open := cutToken(body, '{')
	name, rest, err := cutValue(rest)
	if !open || err != nil || string(name) != `"events"` {
		return wrong(`it does not start with the member "events"`)
	}
	rest, colon := cutToken(rest, ':')
	rest, list := cutToken(rest, '[')
	if !colon || !list {
		return wrong(`"events" is not an array`)
	}
	rest, empty := cutToken(rest, ']')
	for !empty {
		if len(events) == most {
			return nil, errTooManyEvents
		}
		var value []byte
		if value, rest, err = cutValue(rest); err != nil {
			return wrong(err.Error())
		}
		events = append(events, value)
		var more bool
		if rest, more = cutToken(rest, ','); more {
			continue
		}
		if rest, empty = cutToken(rest, ']'); !empty {
			return wrong(fmt.Sprintf("event %d is followed by neither a comma nor the end of the array", len(events)-1))
		}
	}
	rest, end := cutToken(rest, '}')
	if !end || len(skipSpace(rest)) > 0 {
		return wrong(`something follows the array "events"`)
	}
	if len(events) == 0 {
		return wrong("it has no event")
	}
	return events, nil
}

var errTooManyEvents = fmt.Errorf("too many events")
