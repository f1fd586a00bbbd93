package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestReading tells of a long reading when it begins, from time to time, and when it is done; and of a short one nothing.
func TestReading(t *testing.T) {
	var at time.Time
	now := func() time.Time { return at }
	after := func(d time.Duration) { at = at.Add(d) }
	for name, c := range map[string]struct {
		read func(report func(string, int64, int64))
		want []string
	}{
		"a few entries": {func(report func(string, int64, int64)) {
			report("l", 100, 300)
			report("l", 300, 300)
		}, nil},
		"a few entries, slowly": {func(report func(string, int64, int64)) {
			report("l", 100, 300)
			after(10 * time.Second)
			report("l", 200, 300)
			report("l", 300, 300)
		}, []string{"l: 200 of 300 entries, 10 a second, 10s left", "l: all 300 entries, after 10s"}},
		"from the beginning": {func(report func(string, int64, int64)) {
			report("l", 0, 30000)
			after(time.Second)
			report("l", 8192, 30000)
			after(5 * time.Second)
			report("l", 18000, 30000)
			after(time.Second)
			report("l", 30000, 30000)
		}, []string{"l: reading 30000 entries", "l: 18000 of 30000 entries, 3000 a second, 4s left", "l: all 30000 entries, after 7s"}},
		"from where it was, and then a few more": {func(report func(string, int64, int64)) {
			report("l", 8192, 30000)
			report("l", 30000, 30000)
			report("l", 30000, 30010)
			report("l", 30010, 30010)
		}, []string{"l: going on after 8192 of 30000 entries, which were read before", "l: all 30000 entries, after 0s"}},
		"two at once": {func(report func(string, int64, int64)) {
			report("l", 0, 30000)
			report("m", 5, 20000)
			report("l", 30000, 30000)
			report("m", 20000, 20000)
		}, []string{"l: reading 30000 entries", "m: going on after 5 of 20000 entries, which were read before", "l: all 30000 entries, after 0s", "m: all 20000 entries, after 0s"}},
	} {
		t.Run(name, func(t *testing.T) {
			at = time.UnixMilli(1_800_000_000_000)
			var lines, logged bytes.Buffer
			c.read(inLines(&lines, now).report)
			at = time.UnixMilli(1_800_000_000_000)
			c.read(inLog(slog.New(slog.NewTextHandler(&logged, nil)), now).report)
			if got, want := lines.String(), strings.Join(append(c.want, ""), "\n"); got != want {
				t.Errorf("it says\n%swant\n%s", got, want)
			}
			if got := strings.Count(logged.String(), "\n"); got != len(c.want) {
				t.Errorf("it logs\n%s", &logged)
			}
		})
	}
}
