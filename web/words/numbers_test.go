package words_test

import (
	"testing"

	"github.com/attestlog/attestlog/web/words"
)

func TestNumber(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 1284003: "1,284,003", -1000: "−1,000", -12: "−12", -1 << 63: "−9,223,372,036,854,775,808"} {
		if got := words.Number(n); got != want {
			t.Errorf("Number(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	for _, c := range []struct {
		n          int
		noun, want string
	}{
		{1, "entry", "1 entry"}, {0, "entry", "0 entries"}, {1200, "event", "1,200 events"}, {2, "key", "2 keys"}, {30, "day", "30 days"},
		{1, "class", "1 class"}, {2, "witness", "2 witnesses"}, {16, "hash", "16 hashes"},
	} {
		if got := words.Count(c.n, c.noun); got != c.want {
			t.Errorf("Count(%d, %q) = %q, want %q", c.n, c.noun, got, c.want)
		}
	}
}
