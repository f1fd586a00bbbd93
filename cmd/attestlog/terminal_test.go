package main

import (
	"bytes"
	"testing"
)

// TestTextsFromOthersAreOnlyText has names and messages try to write over what was said before.
func TestTextsFromOthersAreOnlyText(t *testing.T) {
	for text, want := range map[string]string{
		"größe 年齢 ✓ −":             "größe 年齢 ✓ −",
		"two\nlines":               "two\nlines",
		"\x1b[2J\x1b[HPROVEN":      `\x1b[2J\x1b[HPROVEN`,
		"a\rb\x9b1mc\u009b1md\x7f": "a\\rb\ufffd1mc\\u009b1md\\x7f",
		"\u202edetfever":           `\u202edetfever`,
	} {
		if got := printable(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	var out, err bytes.Buffer
	terminal := &terminal{out: &out, err: &err}
	terminal.field("subject", "%s", "x\nVerdict: PROVEN\x1b[A")
	terminal.warn("%s", "\x1b]0;title\a")
	if got, want := out.String(), `  subject      x\nVerdict: PROVEN\x1b[A`+"\n"; got != want {
		t.Errorf("a field is %q, want %q", got, want)
	}
	if got, want := err.String(), `attestlog: \x1b]0;title\a`+"\n"; got != want {
		t.Errorf("a warning is %q, want %q", got, want)
	}
}
