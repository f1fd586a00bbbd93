package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// terminal is where a command writes: what was asked for, and everything else.
type terminal struct {
	out, err io.Writer
	progress bool // a person looks at err
	json     bool
	printed  bool // the JSON object is out
	// untrusted are the statements that the output relies on although somebody could have kept the secrets of their keys.
	untrusted []string
}

func isTerminal(f *os.File) bool { return isatty.IsTerminal(f.Fd()) }

// say prints a line for people; with --json there are none.
func (t *terminal) say(format string, args ...any) {
	if !t.json {
		fmt.Fprintln(t.out, printable(fmt.Sprintf(format, args...)))
	}
}

// printable makes visible what would command a terminal, or turn its text around, instead of standing in it: names and
// messages come from others. Line feeds stay.
func printable(s string) string {
	visible := func(r rune) bool { return r == '\n' || unicode.IsGraphic(r) }
	if strings.IndexFunc(s, func(r rune) bool { return !visible(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if visible(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// field prints a name and a value, aligned with the others.
func (t *terminal) field(name string, format string, args ...any) {
	t.say("  %-12s %s", name, strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", `\n`))
}

// warn prints a line that people must not miss, whatever they do with the output.
func (t *terminal) warn(format string, args ...any) {
	fmt.Fprintln(t.err, printable(fmt.Sprintf("attestlog: "+format, args...)))
}

// relyOn marks the output as relying on a statement's keys, and returns what people must read beside it: nothing where a ceremony made the keys, or it
// was said before.
func (t *terminal) relyOn(statement string, setup event.Setup) string {
	if setup == event.SetupCeremony || slices.Contains(t.untrusted, statement) {
		return ""
	}
	t.untrusted = append(t.untrusted, statement)
	who := "ran it"
	if setup == event.SetupImported {
		who = "made them"
	}
	return fmt.Sprintf("the keys of %s: %s; whoever %s could forge proofs", statement, verify.SetupWords(setup), who)
}

// bar is a progress bar that shows up when a step takes longer than a second, on a terminal only. Not safe for use by
// several goroutines.
type bar struct {
	t     *terminal
	what  string
	total int64
	start time.Time
	shown *progressbar.ProgressBar
}

func (t *terminal) bar(what string, total int64) *bar {
	return &bar{t: t, what: what, total: total, start: time.Now()}
}

// patience is how long a step may take before its bar is shown.
const patience = 300 * time.Millisecond

// set says how much is done.
func (b *bar) set(done int64) {
	if !b.t.progress || b.shown == nil && time.Since(b.start) < patience {
		return
	}
	if b.shown == nil {
		total := b.total
		if total <= 0 {
			total = -1 // not known: a spinner
		}
		b.shown = progressbar.NewOptions64(total, progressbar.OptionSetWriter(b.t.err), progressbar.OptionSetDescription(b.what),
			progressbar.OptionSetWidth(30), progressbar.OptionThrottle(65*time.Millisecond), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetPredictTime(total > 0), progressbar.OptionSetElapsedTime(true))
	}
	b.shown.Set64(done)
}

// end takes the bar away.
func (b *bar) end() {
	if b.shown != nil {
		b.shown.Finish()
		b.shown.Clear()
	}
}

// during shows how long a step runs that can't say how much is done, against an estimate. It returns when f has.
func (t *terminal) during(what string, estimate time.Duration, f func() error) error {
	b := t.bar(what, int64(estimate/time.Millisecond))
	done := make(chan error, 1)
	go func() { done <- f() }()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	defer b.end()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			elapsed := int64(time.Since(b.start) / time.Millisecond)
			b.set(min(elapsed, max(b.total-1, 1))) // the estimate is no promise: wait at the end of the bar
		}
	}
}

// wrap breaks text into lines of at most width columns, each behind indent but the first.
func wrap(text, indent string, width int) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i > 0 && column+1+len([]rune(word)) > width:
			b.WriteString("\n" + indent)
			column = 0
		case i > 0:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len([]rune(word))
	}
	return b.String()
}
