package main

import (
	"testing"

	"github.com/attestlog/attestlog/ledger/verify"
)

// Every verdict has words.
func TestVerdictWords(t *testing.T) {
	seen := map[string]verify.Verdict{}
	for _, v := range []verify.Verdict{verify.Proven, verify.Claimed, verify.Waiting, verify.Refused, verify.Refuted} {
		words := verdictWords(&verify.Report{Verdict: v})
		if other, ok := seen[words]; ok || words == "" {
			t.Errorf("the verdict %s is %q, as is %q", v, words, other)
		}
		seen[words] = v
	}
}
