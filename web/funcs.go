package web

import (
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/web/words"
)

// funcs are what templates have beside the parts in parts.html. Most are called by a part:
//
//	{{template "digest" .Digest}}           a hash, shortened on the screen and whole in the page
//	{{template "time" .Logged}}             a moment, of milliseconds since 1970 or a time.Time
//	{{template "ago" .Published}}           the same, as "3 seconds ago"
//	{{template "mark" "proven"}}            a verdict: word, shape and colour
//	{{template "text" (text .Name 200)}}    a text of free form, harmless, of at most so many runes
//	{{template "prose" (prose .Sentence 900)}}  a sentence of ledger/verify's, in which digests are shortened
//	{{template "amber" "in doubt"}}         a word of doubt, of any wording
//	{{template "untrusted" "…"}}            UNTRUSTED, with the reason
//	{{num .Size}} {{plural .N "entry"}} {{bytes .Len}} {{hex .Key}} {{asset "style.css"}} {{dict "A" 1 "B" 2}}
func (v *viewer) funcs() template.FuncMap {
	return template.FuncMap{
		"num":         num,
		"plural":      plural,
		"bytes":       byteCount,
		"share":       share,
		"hex":         hexOf,
		"iso":         iso,
		"clock":       clock,
		"day":         day,
		"hour":        hour,
		"kindname":    words.Kind,
		"mark":        markOf,
		"dict":        dict,
		"text":        boundText,
		"multiline":   boundLines,
		"prose":       proseOf,
		"citations":   citations,
		"warns":       warns,
		"witnessword": func(state string) string { return strings.ReplaceAll(state, "-", " ") },
		"ago":         func(moment any) (string, error) { return ago(v.now(), moment) },
		"asset":       v.assets.url,
		"hasVerifier": func() bool { return v.verifier != nil },
	}
}

// num is words.Number for what templates hand over.
func num(n any) (string, error) {
	whole, err := integer(n)
	return words.Number(whole), err
}

// plural is words.Count for what templates hand over.
func plural(n any, noun string) (string, error) {
	whole, err := integer(n)
	return words.Count(whole, noun), err
}

func integer(n any) (int64, error) {
	switch n := n.(type) {
	case int:
		return int64(n), nil
	case int64:
		return n, nil
	case *int64:
		return *n, nil
	}
	return 0, fmt.Errorf("%T is no number", n)
}

// byteCount writes a size in bytes as people do.
func byteCount(n any) (string, error) {
	var size float64
	switch n := n.(type) {
	case int:
		size = float64(n)
	case int64:
		size = float64(n)
	default:
		return "", fmt.Errorf("%T is no size", n)
	}
	units := []string{"bytes", "KiB", "MiB", "GiB"}
	at := 0
	for ; size >= 1024 && at < len(units)-1; at++ {
		size /= 1024
	}
	if at == 0 {
		return plural(int(size), "byte")
	}
	return strconv.FormatFloat(size, 'f', 1, 64) + " " + units[at], nil
}

// share is a part of a whole in percent, so that only nothing is 0% and only everything 100%.
func share(part, whole int64) string {
	if whole <= 0 {
		return "–"
	}
	percent := 100 * float64(part) / float64(whole)
	switch {
	case part == 0 || part == whole:
		return strconv.Itoa(int(percent)) + "%"
	case percent < 0.1:
		return "< 0.1%"
	case percent > 99.9:
		return "> 99.9%"
	}
	return strconv.FormatFloat(math.Min(percent, 99.9), 'f', 1, 64) + "%"
}

// hexOf writes bytes as hex digits.
func hexOf(b any) (string, error) {
	switch b := b.(type) {
	case event.Digest:
		return b.String(), nil
	case event.Element:
		return b.String(), nil
	case [32]byte:
		return hex.EncodeToString(b[:]), nil
	case []byte:
		return hex.EncodeToString(b), nil
	case string: // already so
		return b, nil
	}
	if b, ok := b.(fmt.Stringer); ok {
		return b.String(), nil
	}
	if b, ok := b.(interface{ Bytes() []byte }); ok {
		return hex.EncodeToString(b.Bytes()), nil
	}
	return "", fmt.Errorf("%T has no hex digits", b)
}

// moment reads a time: milliseconds since 1970, as everywhere in the log, or a time.Time.
func momentOf(moment any) (time.Time, error) {
	switch m := moment.(type) {
	case int64:
		return time.UnixMilli(m).UTC(), nil
	case time.Time:
		return m.UTC(), nil
	}
	return time.Time{}, fmt.Errorf("%T is no time", moment)
}

// iso is a time for machines (RFC 3339).
func iso(moment any) (string, error) {
	t, err := momentOf(moment)
	return t.Format("2006-01-02T15:04:05.000Z"), err
}

// clock is a time for people: UTC, to the second.
func clock(moment any) (string, error) {
	t, err := momentOf(moment)
	return t.Format("2006-01-02 15:04:05 UTC"), err
}

// day and hour are the two halves of clock, for lists that say that all times are UTC.
func day(moment any) (string, error) {
	t, err := momentOf(moment)
	return t.Format(time.DateOnly), err
}

func hour(moment any) (string, error) {
	t, err := momentOf(moment)
	return t.Format("15:04:05"), err
}

// ago says how long ago a time is.
func ago(now time.Time, moment any) (string, error) {
	t, err := momentOf(moment)
	if err != nil {
		return "", err
	}
	d := now.Sub(t)
	switch {
	case d < -2*time.Second: // clocks differ a little
		said, err := span(-d)
		return "in " + said, err
	case d < time.Second:
		return "just now", nil
	}
	said, err := span(d)
	return said + " ago", err
}

// span writes a duration in its largest unit.
func span(d time.Duration) (string, error) {
	units := []struct {
		name string
		of   time.Duration
	}{{"year", 365 * 24 * time.Hour}, {"month", 30 * 24 * time.Hour}, {"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}}
	for _, unit := range units {
		if n := int64(d / unit.of); n >= 1 {
			return plural(n, unit.name)
		}
	}
	return "less than a second", nil
}

// marking is a verdict as pages show it: always the word, a shape and a colour.
type marking struct{ Word, Shape string }

// markOf finds the shape of a verdict's, a link's or a statement's word. Words that it doesn't know are a mistake.
func markOf(word any) (marking, error) {
	s := fmt.Sprint(word)
	switch s {
	case "proven", "verified", "active", "fresh", "satisfied":
		return marking{s, "proven"}, nil
	case "claimed", "not asked", "none", "idle":
		return marking{s, "claimed"}, nil
	case "waiting", "running", "behind":
		return marking{s, "waiting"}, nil
	case "refused", "refuted", "broken", "revoked", "overdue", "fork", "alarm":
		return marking{s, "refused"}, nil
	case "doubt", "in doubt", "missing", "trouble", "break", "UNTRUSTED":
		return marking{s, "doubt"}, nil
	}
	return marking{}, fmt.Errorf("there is no mark for %q", s)
}

// boundedText is a text of free form, made harmless.
type boundedText struct {
	Shown string
	More  int // bytes that are left out
}

// boundText makes a text fit to be shown: of at most so many runes, without characters that could steer a terminal, reverse what
// stands around it, or hide.
func boundText(text string, most int) boundedText { return bound(text, most, false) }

// boundLines is boundText for what has lines of its own.
func boundLines(text string, most int) boundedText { return bound(text, most, true) }

func bound(text string, most int, lines bool) boundedText {
	shown, rest := words.Visible(text, most, lines)
	return boundedText{shown, rest}
}

// warns is what a sentence that stays trusted says behind the word UNTRUSTED, which is to be marked; empty if it doesn't begin with it.
func warns(sentence string) string {
	rest, _ := strings.CutPrefix(sentence, "UNTRUSTED ")
	if rest == sentence {
		return ""
	}
	return rest
}

// dict makes a map of names and values, for parts that take several things.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("a name in dict has no value")
	}
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("%v can't be a name in dict", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}
