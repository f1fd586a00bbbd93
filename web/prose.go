package web

import (
	"regexp"
)

// fragment is a piece of a sentence: words, or a digest that is to be shortened on the screen.
type fragment struct {
	Words  string
	Digest string
}

var digestForm = regexp.MustCompile(`[0-9a-f]{64}`)

// proseOf takes a sentence apart, so that long digests in it don't drown it. The words are made harmless, and the whole is cut after so many runes.
func proseOf(sentence string, most int) struct {
	Fragments []fragment
	More      int
} {
	cut := boundText(sentence, most)
	var all []fragment
	rest := cut.Shown
	for {
		at := digestForm.FindStringIndex(rest)
		if at == nil {
			break
		}
		all = append(all, fragment{Words: rest[:at[0]]}, fragment{Digest: rest[at[0]:at[1]]})
		rest = rest[at[1]:]
	}
	return struct {
		Fragments []fragment
		More      int
	}{append(all, fragment{Words: rest}), cut.More}
}
