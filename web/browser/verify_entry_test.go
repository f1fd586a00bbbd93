//go:build heavy

package browser

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/web/webtest"
)

// testVerifyEntries presses the button on the pages of entries: what is good is accepted with the verdict that it deserves, and what somebody
// between the log and the reader makes of it is refused, for the right reason.
func testVerifyEntries(t *testing.T, b *chromium, log *webtest.Log) {
	origin := viewer(t, log)
	_, bad := tamperings(t, log)
	about := log.At(webtest.AccessProven)
	bundle := fmt.Sprintf("/entries/%d/bundle", about)
	verifyAt := func(name string, index int64) []do {
		return []do{{"goto": fmt.Sprintf("%s/entries/%d", origin, index)}, {"click": "[data-verify-start]"}, {"read": name}}
	}
	good := map[webtest.Name]string{
		webtest.AccessProven: "proven", webtest.AccessClaimed: "claimed", webtest.AccessWaiting: "waiting", webtest.AccessDeferred: "proven", webtest.AccessRefused: "refused",
		webtest.AccessInDoubt: "proven", webtest.Anonymized: "proven", webtest.LastStep: "proven", webtest.Served: "proven", webtest.OperatorRegistered: "claimed", webtest.CustomProven: "proven",
	}
	var todo []do
	for name := range good {
		todo = append(todo, verifyAt(string(name), log.At(name))...)
		if name == webtest.AccessProven || name == webtest.AccessRefused || name == webtest.AccessInDoubt {
			todo = append(todo, do{"picture": fmt.Sprintf("entry-verified-%s-%d", good[name], log.At(name))})
		}
	}
	tampered := func(signed bool) {
		for _, m := range bad {
			if m.signed == signed {
				todo = append(todo, do{"tamper": []wire{{URL: bundle, Body: m.file}}}, do{"click": "[data-verify-start]"}, do{"read": m.name})
			}
		}
	}
	walk := fmt.Sprintf("%s/provenance/%d", origin, log.At(webtest.Served))
	todo = append(todo, do{"goto": walk}, do{"click": "[data-verify-start]"}, do{"read": "a walk"}, do{"picture": "provenance-verified"})
	todo = append(todo, verifyAt("before all", about)...)
	tampered(true) // again and again on one page: the verifier is there
	other := log.Bundle(log.At(webtest.AccessClaimed)).Encode()
	todo = append(append(todo, do{"tamper": []wire{{URL: bundle, Body: other}}}), verifyAt("about another entry", about)...)
	todo = append(append(todo, do{"tamper": []wire{{URL: bundle, Status: 500}}}), verifyAt("no answer", about)...)
	todo = append(append(todo, do{"tamper": []wire{{URL: "/verify/verifier.wasm", Body: []byte("\x00asm nonsense")}}}), verifyAt("another verifier", about)...)
	todo = append(todo, do{"tamper": []wire{}})
	todo = append(append(todo, verifyAt("before the policy", about)...), withPolicy(log)...)
	todo = append(todo, do{"read": "the policy changes"})
	tampered(false)
	todo = append(todo, do{"picture": "entry-tampered"}, do{"tamper": []wire{}})
	todo = append(append(todo, verifyAt("under a policy", about)...), do{"picture": "entry-verified-policy"})

	found := map[string]*read{}
	all := b.play(t, origin, 390, todo...)
	for i := range all {
		found[all[i].Name] = &all[i]
	}
	for name, verdict := range good {
		r, want := found[string(name)], fmt.Sprintf("%d %s", log.At(name), verdict)
		if r == nil || r.State != "holds" || !slices.Equal(r.Verdicts, []string{want}) || len(r.failed()) > 0 {
			t.Errorf("%s: %+v, want %s", name, r, want)
		}
	}
	if r := found["a walk"]; r == nil || r.State != "holds" || len(r.Verdicts) < 5 {
		t.Errorf("a walk: %+v", r)
	}
	for _, name := range []string{"before the policy", "under a policy"} {
		if r := found[name]; r == nil || r.State != "holds" || strings.Contains(r.step("witnesses"), "cosigned by") != (name == "under a policy") {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := found["the policy changes"]; r == nil || r.State == "fails" || r.State == "alarm" {
		t.Errorf("when the policy changes: %+v", r)
	}
	for name, says := range map[string]string{"about another entry": "the evidence is about another", "no answer": "status 500", "another verifier": ""} {
		if r := found[name]; r == nil || r.State != "fails" || !strings.Contains(r.Says, says) || len(r.Verdicts) > 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	for _, m := range bad {
		checkTampering(t, m, found[m.name])
		if r := found[m.name]; r != nil && r.Hit == 0 {
			t.Errorf("%s: nothing was tampered with", m.name)
		}
	}
}
