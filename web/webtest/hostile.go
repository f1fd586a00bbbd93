package webtest

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
)

// HostileTexts try to be more than text in whatever shows them. Those that hold code set a variable named hacked: in a page that
// shows one, window.hacked must stay undefined. All are canonical, so that a log takes them: valid UTF-8, in NFC, without U+0000.
func HostileTexts() []string {
	return []string{
		`<script>window.hacked=1</script>`,
		`</title></textarea></style></script><img src=x onerror="window.hacked=2">`,
		`"><svg onload=window.hacked=3>`,
		`' onmouseover='window.hacked=4' autofocus onfocus='window.hacked=5`,
		"`${window.hacked=6}` {{constructor.constructor('window.hacked=7')()}} {{.Policy}}",
		`javascript:window.hacked=8`,
		`<base href="https://evil.example/"><meta http-equiv="refresh" content="0;url=https://evil.example/"><link rel=stylesheet href=//evil.example/x.css>`,
		`<!--<![CDATA[ ]]>--><table><tr></div></main><form action="https://evil.example/"><input name=q><button>Verify`,
		"approved \u202egnp.tolip\u202c by the board \u2067right to left \u2066left to right \u2068and never closed",
		"\u200f\u061cלא אושר\u200e / غير معتمد",
		"zero\u200bwidth\u200d\u2060\ufeff\u00ad \u180e\u034f and tags \U000e0041\U000e0042",
		"Q" + strings.Repeat("\u0301\u0302\u0303", 10) + " falls out of its line",
		"bell\a, escape\u001b[31m, back\b, tab\t, return\r\nnew line\v\f, delete\u007f, C1\u0085\u009b, separators\u2028\u2029",
		"\uffff\ufffe\U0010ffff\ue000 \ufffc\ufffd 𓀀🏳️‍🌈👩‍👩‍👧‍👦",
		`=HYPERLINK("https://evil.example/","open")`,
		"+1+cmd|' /C calc'!A0",
		`%3Cscript%3Ewindow.hacked=9%3C/script%3E ../../etc/passwd?a=b#c&lt;&#x3c;&amp;lt;`,
		strings.Repeat("W", 256),
		strings.Repeat("𝔚", 64),
		"a\u00a0b\u2003c\u3000d" + strings.Repeat(" ", 100) + "e",
	}
}

// LongSource is the longest name that a source can have.
func LongSource() string { return strings.Repeat("m", 64) + "/" + strings.Repeat("w-", 31) + "w0" }

// The entries of Hostile that have names.
const (
	HugeDataset    Name = "a data set whose entry is as large as an entry can be"
	HugeStatement  Name = "a statement that says a lot"
	HugeCustom     Name = "255 values"
	HostileModel   Name = "a model version of hostile words"
	HostileErasure Name = "an erasure for a hostile reason"
)

// HostileSubject is the name of the entry whose subject is HostileTexts()[i].
func HostileSubject(i int) Name { return Name(fmt.Sprintf("hostile subject %d", i)) }

// Hostile is a log whose sources are out for whoever reads it: subjects, purposes, columns, versions, reasons and all other texts are
// HostileTexts, cut to what the format admits, and some entries are as large as it admits.
func Hostile(t testing.TB) *Log {
	t.Helper()
	l := Empty(t)
	texts := HostileTexts()
	l.found()
	source := LongSource()
	l.register(source, event.RoleService)
	l.register(bank, event.RoleController)

	all := func(max int) []string {
		out := make([]string, len(texts))
		for i, s := range texts {
			out[i] = cut(s, max)
		}
		return out
	}
	dataset := &event.DatasetClaims{Purposes: all(64), Root: event.Element{31: 1}, Rows: 1}
	for _, name := range all(64) {
		dataset.Columns = append(dataset.Columns, event.Column{Name: name, Role: event.RoleSensitive, Coding: event.Coding{Category: &event.CategoryCoding{Labels: all(128)}}})
	}
	data := l.Say(bank, client.Draft{Subject: event.Subject{Name: cut(texts[0], 256)}, Claims: dataset})
	approval := l.Say(bank, client.Draft{Subject: event.Subject{Name: cut(texts[1], 256)}, Claims: &event.ApprovalClaims{}})
	l.Say(operator, client.Draft{Subject: event.Subject{Name: cut(texts[2], 256)}, Claims: &event.PolicyClaims{Name: cut(texts[8], 64), Description: strings.Join(all(48), " "),
		Rules: []event.Predicate{{Key: cut(texts[1], 64), Comparison: "in", Bounds: []int64{-1 << 52, 1 << 52}}}}})
	imported, r := l.imports(&event.StatementClaims{Name: "innocent", Shows: cut(strings.Join(texts, " "), 1024), NotShown: all(1024)[:event.MaxNotShown],
		Inputs: []event.Input{{Name: "word", Type: event.InputText}}}, "innocent")
	l.call(HugeStatement, r)

	for i, s := range texts {
		d := client.Draft{Subject: event.Subject{Name: cut(s, 256)}, Purpose: cut(s, 256), Jurisdiction: cut(s, 64),
			Correlation: event.Correlation{MLflow: cut(s, 128), OpenLineage: cut(s, 128)}}
		switch i % 3 {
		case 0:
			d.Claims = &event.DataAccessClaims{Columns: []string{cut(s, 64)}, Dataset: data.Digest, Purpose: cut(s, 64), Records: 1}
		case 1:
			d = imported.proven(d)
			d.Claims = &event.CustomClaims{Inputs: []event.Value{{Name: "word", Type: event.InputText, Text: cut(s, 256)}}}
		default:
			d.Claims = &event.ModelVersionClaims{Approval: approval.Digest, Version: cut(s, 128), Predicates: []event.Predicate{{Key: cut(s, 64), Comparison: "<=", Bounds: []int64{1}}}}
		}
		l.call(HostileSubject(i), l.Say(source, d))
	}
	l.call(HostileModel, l.Say(source, client.Draft{Subject: event.Subject{Name: HostileSystem()}, Claims: &event.ModelVersionClaims{Approval: approval.Digest, Version: cut(texts[1], 128),
		Predicates: []event.Predicate{{Key: cut(texts[0], 64), Comparison: "<=", Bounds: []int64{1}}, {Key: cut(texts[9], 64), Comparison: "in", Bounds: []int64{-1 << 52, 1 << 52}}}}}))
	last := l.huge(source, data.Digest)
	l.settle(last)
	return l
}

// HostileSystem is the subject of HostileModel: script, a quote, an override without an end, and more bytes than fit a line.
func HostileSystem() string {
	return cut(`</a><script>window.hacked=10</script>"'`+"\u202etxt.esrever "+strings.Repeat("long name without a hyphen ", 8), 256)
}

// huge logs entries that are as large as they can be.
func (l *Log) huge(source string, data event.Digest) *client.Receipt {
	l.t.Helper()
	subject := event.Subject{Name: strings.Repeat("much too long ", 18)}
	labels := make([]string, 345)
	for i := range labels {
		labels[i] = fmt.Sprintf("%0128d", i)
	}
	l.call(HugeDataset, l.Say(bank, client.Draft{Subject: subject, Claims: &event.DatasetClaims{Root: event.Element{31: 2}, Rows: 1,
		Columns: []event.Column{{Name: strings.Repeat("W", 64), Role: event.RoleOther, Coding: event.Coding{Category: &event.CategoryCoding{Labels: labels}}}}}}))
	values := make([]event.Value, event.MaxInputs)
	for i := range values {
		values[i] = event.Value{Name: fmt.Sprintf("value_%d", i), Type: event.InputText, Text: strings.Repeat("<b>", 43)}
	}
	values[0] = event.Value{Name: "data", Type: event.InputDataset, Dataset: data}
	r := l.Say(source, client.Draft{Subject: subject, Claims: &event.CustomClaims{Inputs: values}})
	l.call(HugeCustom, r)
	return l.call(HostileErasure, l.Say(operator, client.Draft{Subject: subject, Claims: &event.ErasureClaims{Event: r.Digest, Scope: "all", Reason: cut(HostileTexts()[0]+HostileTexts()[8]+HostileTexts()[9], 256)}}))
}

// cut shortens a text to so many bytes, between characters: what was canonical stays so.
func cut(s string, max int) string {
	for len(s) > max {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}
