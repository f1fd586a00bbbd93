package drawing

import (
	"math"
	"strings"
	"testing"
)

func TestBars(t *testing.T) {
	for name, bars := range map[string][]Bar{
		"none":    nil,
		"nothing": {{Name: "2026-11-22", Label: "Nov 22"}},
		"some":    {{Name: "2026-11-21", Parts: Parts{3, 1, 0, 0}}, {Name: `<"&`, Label: "<b>", Parts: Parts{0, 0, 2, 1}}},
		"huge":    {{Parts: Parts{math.MaxInt64 / 4, 1, 1, 1}}, {Parts: Parts{1}}},
	} {
		svg := string(Bars("events <by> day", bars))
		wellFormed(t, svg)
		if name == "some" && (!strings.Contains(svg, "2026-11-21: 3 proven, 1 claimed") || strings.Contains(svg, "<b>")) {
			t.Errorf("%s", svg)
		}
		if name == "some" && strings.Count(svg, `class="fill-`) != 4 {
			t.Errorf("%d parts", strings.Count(svg, `class="fill-`))
		}
	}
	wellFormed(t, string(Share("parts", Parts{1, 2, 3, 4})))
	wellFormed(t, string(Share("no parts", Parts{})))
	wellFormed(t, string(Spark([]int64{0, 1, 5})))
	wellFormed(t, string(Spark(nil)))
}

func TestCeiling(t *testing.T) {
	for n, want := range map[int64]int64{1: 1, 2: 2, 3: 3, 5: 6, 7: 8, 9: 10, 11: 20, 99: 100, 101: 200, 1_000_000: 1_000_000} {
		if got := ceiling(n); got != want {
			t.Errorf("ceiling(%d) = %d, want %d", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 500: "500", 1000: "1 k", 2500: "2.5 k", 1_000_000: "1 M"} {
		if got := compact(n); got != want {
			t.Errorf("compact(%d) = %q, want %q", n, got, want)
		}
	}
}
