package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
)

func labels(name string, l ...string) event.Column {
	return event.Column{Name: name, Coding: event.Coding{Category: &event.CategoryCoding{Labels: l}}}
}

func integers(name string, from, to int64) event.Column {
	return event.Column{Name: name, Coding: event.Coding{Integer: &event.IntegerCoding{Min: from, Max: to}}}
}

func TestFraction(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "0.5": 32768, "1": 65536, "16": 1 << 20, "0.00001": 1, "1e-3": 66} {
		var f fraction
		if err := f.UnmarshalText([]byte(text)); err != nil || f.units != want {
			t.Errorf("%s: got %d, %v, want %d", text, f.units, err, want)
		}
	}
	for _, text := range []string{"", "x", "-1", "16.1", "NaN", "Inf", "1e-9", "0,5"} {
		var f fraction
		if err := f.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for %d", text, f.units)
		}
	}
	if b, err := (fraction{1 << 15}).MarshalText(); string(b) != "0.5" || err != nil {
		t.Errorf("half is %s, %v", b, err)
	}
}

func TestParseLabel(t *testing.T) {
	columns := []event.Column{labels("class", "good", "bad=worse"), integers("grade", -5, 5)}
	for text, want := range map[string]int64{"class=good": 0, "class=bad=worse": 1, "grade=-5": 0, "grade=2": 7} {
		if got, err := parseLabel(text, columns); err != nil || got.Positive != want || !strings.HasPrefix(text, got.Column+"=") {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "class", "class=", "class=ugly", "grade=6", "grade=x", "shoe=5"} {
		if got, err := parseLabel(text, columns); err == nil {
			t.Errorf("%q: got %+v", text, got)
		}
	}
}

// Features come in the data set's order, whatever the flag's; where all are meant, without the label and what has one value only.
func TestPredictors(t *testing.T) {
	columns := []event.Column{labels("class", "good", "bad"), integers("age", 18, 100), labels("name", "*"), labels("job", "clerk", "smith")}
	for flag, want := range map[string]string{"all": "age job", "job,age": "age job", " job ": "job", "age,shoe": "age shoe", "name": "name"} {
		c := &train{features: flag}
		if got := strings.Join(c.predictors(columns, "class"), " "); got != want {
			t.Errorf("%q: got %s, want %s", flag, got, want)
		}
	}
}

// Suppressed rows are blank, and only a released data set has any.
func TestWithoutBlanks(t *testing.T) {
	rows := [][]uint16{{0, 0}, {0, 1}, {0, 0}}
	if got := withoutBlanks(rows, []event.Column{labels("class", "good"), labels("age", "*", "0–29")}); len(got) != 1 || !slices.Equal(got[0], rows[1]) {
		t.Errorf("of a released data set: %v", got)
	}
	if got := withoutBlanks(rows, []event.Column{labels("class", "good"), integers("age", 0, 9)}); len(got) != 3 {
		t.Errorf("of one that was not released: %v", got)
	}
}

func TestExplain(t *testing.T) {
	c := new(train)
	if err := c.explain(statement.ErrDiverged); !errors.Is(err, statement.ErrDiverged) || !strings.Contains(err.Error(), "the learning rate is too high") {
		t.Errorf("diverged: %v", err)
	}
	if err := c.explain(context.Canceled); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "give the same command again") {
		t.Errorf("interrupted: %v", err)
	}
	if err := c.explain(io.ErrUnexpectedEOF); err != io.ErrUnexpectedEOF {
		t.Errorf("anything else: %v", err)
	}
}

// A folder is one command's at a time, and keeps its secrets to itself.
func TestFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "training")
	f, err := openFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openFolder(path); err == nil || !strings.Contains(err.Error(), "another command is using it") {
		t.Errorf("opened twice: %v", err)
	}
	for _, secret := range []bool{true, false} {
		name := "models/secret"
		if !secret {
			name = "steps/public"
		}
		for _, text := range []string{"first", "second"} {
			if err := f.Write(name, []byte(text), secret); err != nil {
				t.Fatal(err)
			}
			if b, err := f.Read(name, 10, secret); err != nil || string(b) != text {
				t.Errorf("%s: got %q, %v", name, b, err)
			}
		}
		if _, err := f.Read(name, 5, secret); err == nil {
			t.Errorf("%s: more is read than allowed", name)
		}
	}
	info, err := os.Stat(filepath.Join(path, "models", "secret"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the secret has mode %v, %v", info.Mode(), err)
	}
	if _, err := f.Read("steps/public", 10, true); err == nil {
		t.Error("a public file is read as a secret")
	}
	if _, err := f.Read("none", 10, false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what isn't there: %v", err)
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	again, err := openFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.close(); err != nil {
		t.Fatal(err)
	}
}
