package web

import (
	"strings"
	"testing"
	"time"
)

func TestNumbers(t *testing.T) {
	size := int64(1284)
	for _, n := range []any{1284, size, &size} {
		if got, err := num(n); err != nil || got != "1,284" {
			t.Errorf("num(%T) = %q, %v", n, got, err)
		}
		if got, err := plural(n, "entry"); err != nil || got != "1,284 entries" {
			t.Errorf("plural(%T) = %q, %v", n, got, err)
		}
	}
	if _, err := num("7"); err == nil {
		t.Error("num takes a string")
	}
	for n, want := range map[int]string{1: "1 byte", 512: "512 bytes", 1536: "1.5 KiB", 95 << 20: "95.0 MiB", 3 << 40: "3072.0 GiB"} {
		if got, err := byteCount(n); err != nil || got != want {
			t.Errorf("byteCount(%d) = %q, %v", n, got, err)
		}
	}
	for _, c := range []struct {
		part, whole int64
		want        string
	}{{0, 0, "–"}, {0, 9, "0%"}, {9, 9, "100%"}, {1, 3, "33.3%"}, {1, 1e6, "< 0.1%"}, {1e6 - 1, 1e6, "> 99.9%"}} {
		if got := share(c.part, c.whole); got != c.want {
			t.Errorf("share(%d, %d) = %q, want %q", c.part, c.whole, got, c.want)
		}
	}
}

func TestAges(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "just now", -time.Second: "just now", 3 * time.Second: "3 seconds ago", 61 * time.Second: "1 minute ago", 5 * time.Hour: "5 hours ago",
		49 * time.Hour: "2 days ago", 800 * 24 * time.Hour: "2 years ago", -time.Hour: "in 1 hour",
	} {
		if got, err := ago(noon, noon.Add(-d).UnixMilli()); err != nil || got != want {
			t.Errorf("%v: %q, %v", d, got, err)
		}
	}
	if got, err := clock(noon.UnixMilli()); err != nil || got != "2026-11-22 12:00:00 UTC" {
		t.Errorf("clock: %q, %v", got, err)
	}
	if _, err := clock(7); err == nil {
		t.Error("an int is a time")
	}
}

func TestBoundText(t *testing.T) {
	for _, c := range []struct {
		name, text string
		most       int
		shown      string
		more       int
	}{
		{"plain", "credit scoring", 40, "credit scoring", 0},
		{"other scripts", "信用評分 Δοκιμή", 40, "信用評分 Δοκιμή", 0},
		{"cut between runes", "äöü", 2, "äö", 2},
		{"a reversal", "abc\u202edef", 40, "abc⟨U+202E⟩def", 0},
		{"isolates and marks", "\u2066\u200f\u061c", 40, "⟨U+2066⟩⟨U+200F⟩⟨U+061C⟩", 0},
		{"controls", "a\x00\x1b[31m\n", 40, "a⟨U+0000⟩⟨U+001B⟩[31m⟨U+000A⟩", 0},
		{"nothing to be seen", "a\u200bb\u00adc\ufeff", 40, "a⟨U+200B⟩b⟨U+00AD⟩c⟨U+FEFF⟩", 0},
		{"spaces that aren't one", "a\u00a0b\u2003", 40, "a⟨U+00A0⟩b⟨U+2003⟩", 0},
		{"what only seems empty", "\u3164\u115f", 40, "⟨U+3164⟩⟨U+115F⟩", 0},
		{"marks that fall out of the line", "Q\u0301\u0301\u0301\u0301\u0301e\u0301", 40, "Q\u0301\u0301\u0301\u0301⟨U+0301⟩e\u0301", 0},
		{"broken", "a\xffb", 40, "a\ufffdb", 0},
		{"60 KB", strings.Repeat("x", 60_000), 100, strings.Repeat("x", 100), 59_900},
	} {
		if got := boundText(c.text, c.most); got.Shown != c.shown || got.More != c.more {
			t.Errorf("%s: %q and %d more, want %q and %d", c.name, got.Shown, got.More, c.shown, c.more)
		}
	}
}

func TestMarks(t *testing.T) {
	for word, shape := range map[string]string{"proven": "proven", "claimed": "claimed", "waiting": "waiting", "refused": "refused", "refuted": "refused", "in doubt": "doubt"} {
		if got, err := markOf(word); err != nil || got.Shape != shape || got.Word != word {
			t.Errorf("markOf(%q) = %v, %v", word, got, err)
		}
	}
	if _, err := markOf("fine"); err == nil {
		t.Error("there is a mark for a word that means nothing")
	}
}
