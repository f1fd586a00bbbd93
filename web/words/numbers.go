package words

import (
	"fmt"
	"strings"
)

// Number writes a number with commas between thousands.
func Number[N int | int64](n N) string {
	digits, negative := strings.CutPrefix(fmt.Sprint(n), "-")
	var b strings.Builder
	if negative {
		b.WriteString("−")
	}
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// Count is a number with what it counts, such as "1 entry" or "1,284 entries".
func Count[N int | int64](n N, noun string) string {
	number := Number(n)
	switch stem, ends := strings.CutSuffix(noun, "y"); {
	case n == 1:
		return "1 " + noun
	case ends && !strings.ContainsAny(stem[max(0, len(stem)-1):], "aeo"): // days and keys keep their y
		return number + " " + stem + "ies"
	case strings.HasSuffix(noun, "s"), strings.HasSuffix(noun, "sh"): // witnesses and hashes
		return number + " " + noun + "es"
	}
	return number + " " + noun + "s"
}
