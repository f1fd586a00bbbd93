package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/prover/statement"
)

func TestLarger(t *testing.T) {
	var names []string
	for _, s := range statement.All() {
		if larger(s) {
			names = append(names, s.Name)
		}
	}
	if want := []string{"data-access-64", "training-step-128x64", "anonymization-1024"}; !slices.Equal(names, want) {
		t.Errorf("larger classes are %q, want %q", names, want)
	}
}

// What was in use once counts, even when it is given back.
func TestPeakMemory(t *testing.T) {
	const size = 64 << 20
	before, err := peakMemory()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, before+size)
	for i := range b {
		b[i] = 1
	}
	after, err := peakMemory()
	if err != nil || after < before+size {
		t.Errorf("the peak was %d bytes, and %d after %d more were used: %v", before, after, len(b), err)
	}
}

// A process that can't do what it is asked says so, and the one that asked says it, too.
func TestOnceFails(t *testing.T) {
	for name, tt := range map[string]struct{ order, says string }{
		"no order":             {"", "couldn't read what to prove"},
		"an unknown statement": {`{"Statement":"anything"}`, "anything"},
		"no such keys":         {`{"Statement":"data-access-16","Keys":"` + filepath.Join(t.TempDir(), "keys") + `"}`, "no keys for this statement"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := execute(t.Context(), []string{onceCommand}, strings.NewReader(tt.order), &out, &errs); code != 1 || !strings.Contains(errs.String(), tt.says) {
				t.Errorf("exit code %d: %s", code, errs.String())
			}
		})
	}
	var errs bytes.Buffer
	if _, err := once(t.Context(), &report{err: &errs}, onceOrder{Statement: "anything"}); err == nil || !strings.Contains(errs.String(), "anything") {
		t.Errorf("got %v; standard error: %s", err, errs.String())
	}
}

// Files that are forgotten are still there.
func TestForget(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), make([]byte, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := forget(dir); err != nil {
		t.Fatal(err)
	}
	if size, err := readFiles(dir); err != nil || size != 1000 {
		t.Errorf("%d bytes, %v", size, err)
	}
	if err := forget(filepath.Join(dir, "b")); err == nil {
		t.Error("a directory that isn't there is forgotten")
	}
}
