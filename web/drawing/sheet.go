package drawing

import (
	"fmt"
	"html"
	"strings"
	"unicode"
)

// advance is about how wide a character is, in parts of the font's size: rather too wide than too narrow, since fonts differ.
func advance(r rune) float64 {
	switch {
	case r >= 0x1100 && (r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 || r >= 0xf900 && r <= 0xfaff || r >= 0xfe30 && r <= 0xfe6f || r >= 0xff00 && r <= 0xff60 || r >= 0x1f000):
		return 1.05
	case strings.ContainsRune("iljtf.,:;|!'()[] ", r):
		return 0.34
	case strings.ContainsRune("mwMW@%—…", r):
		return 0.95
	case unicode.IsUpper(r):
		return 0.7
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	}
	return 0.58
}

// wide is about how wide a text is at a font's size.
func wide(text string, size float64) (width float64) {
	for _, r := range text {
		width += advance(r) * size
	}
	return width
}

// fit cuts a text to a width.
func fit(text string, size, width float64) string {
	if wide(text, size) <= width {
		return text
	}
	width -= advance('…') * size
	for at, r := range text {
		if width -= advance(r) * size; width < 0 {
			return strings.TrimRight(text[:at], " ") + "…"
		}
	}
	return text
}

// wrap breaks a text into at most so many lines of a width, and cuts the last.
func wrap(text string, size, width float64, most int) (lines []string) {
	words := strings.Fields(text)
	for len(words) > 0 {
		if len(lines) == most-1 {
			return append(lines, fit(strings.Join(words, " "), size, width))
		}
		line := words[0]
		words = words[1:]
		for len(words) > 0 && wide(line+" "+words[0], size) <= width {
			line, words = line+" "+words[0], words[1:]
		}
		lines = append(lines, fit(line, size, width))
	}
	return lines
}

// sheet is markup in the making.
type sheet struct{ strings.Builder }

// put appends markup, whose texts are given apart: strings are escaped, numbers written short.
func (c *sheet) put(format string, args ...any) {
	for i, a := range args {
		switch a := a.(type) {
		case string:
			args[i] = html.EscapeString(a)
		case float64:
			args[i] = strings.TrimSuffix(fmt.Sprintf("%.1f", a), ".0")
		}
	}
	fmt.Fprintf(&c.Builder, format, args...)
}

// text writes a line of text. Its baseline is at y. Text of others is kept from turning around what stands beside it.
func (c *sheet) text(x, y float64, class string, size float64, text string) {
	c.put(`<text x="%v" y="%v" class="%v" font-size="%v" direction="ltr" unicode-bidi="isolate">%v</text>`, x, y, class, size, text)
}
