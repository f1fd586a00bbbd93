package verify

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// maxShown bounds how many of a kind a step names among its inputs, and maxShownNote how much of a note, in bytes.
const (
	maxShown     = 64
	maxShownNote = 4096
)

// use says what the step that is being done is made of.
func (g *ground) use(name, value string) { g.used = append(g.used, Input{name, value}) }

// tell tells whoever watches of a step that is done.
func (g *ground) tell(about *Entry, s Step) {
	if g.watch != nil {
		g.watch(about, s)
	}
}

// useLeaves names the leaf hashes of the entries that a bundle is about.
func (g *ground) useLeaves(b *Bundle, leaves [][32]byte) {
	shown := 0
	for i := range b.Entries {
		if !b.Entries[i].Asked {
			continue
		}
		if shown++; shown > maxShown {
			return
		}
		g.use(fmt.Sprintf("leaf hash of entry %d: SHA-256 of 0 and %s", b.Entries[i].Index, several(int64(len(b.Entries[i].Leaf)), "byte")), hex.EncodeToString(leaves[i][:]))
	}
}

// hashLines writes hashes as lines of hex digits.
func hashLines(hashes [][32]byte) string {
	if len(hashes) == 0 {
		return "none"
	}
	lines := make([]string, 0, len(hashes))
	for i := range hashes {
		if i == maxShown {
			lines = append(lines, fmt.Sprintf("… and %d more", len(hashes)-i))
			break
		}
		lines = append(lines, hex.EncodeToString(hashes[i][:]))
	}
	return strings.Join(lines, "\n")
}

// clipNote is as much of a note as people look at.
func clipNote(signed []byte) string {
	if len(signed) > maxShownNote {
		return strings.ToValidUTF8(string(signed[:maxShownNote]), "\ufffd") + "…"
	}
	return strings.ToValidUTF8(strings.TrimSuffix(string(signed), "\n"), "\ufffd")
}
