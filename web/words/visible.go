package words

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks is how many combining marks may follow each other: more fall out of their line.
const maxMarks = 4

// Visible is a text as pages show it: at most so many characters of it, and those that could steer a terminal, reverse what stands around them, or hide, as
// their numbers, ⟨U+202E⟩. Lines stay lines where there may be some. rest is how many bytes are left out. The scripts of the pages do the same (show.js).
func Visible(text string, most int, lines bool) (shown string, rest int) {
	var b strings.Builder
	at, marks := 0, 0
	for n := 0; at < len(text) && n < most; n++ {
		r, size := utf8.DecodeRuneInString(text[at:])
		if marks++; !unicode.In(r, unicode.Mn, unicode.Me) {
			marks = 0
		}
		if r == utf8.RuneError && size == 1 {
			b.WriteRune(utf8.RuneError)
		} else if (hidden(r) || marks > maxMarks) && !(lines && r == '\n') {
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		} else {
			b.WriteRune(r)
		}
		at += size
	}
	return b.String(), len(text) - at
}

// hidden tells whether a character does something other than to be seen: controls, marks of direction, joiners, private use. A blank
// is the only space that is what it seems.
func hidden(r rune) bool {
	return r != ' ' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp, unicode.Zs) || !unicode.IsGraphic(r) ||
		unicode.Is(unicode.Variation_Selector, r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r))
}
