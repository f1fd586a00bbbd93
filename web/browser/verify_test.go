//go:build heavy

package browser

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web/verifier"
	"github.com/attestlog/attestlog/web/webtest"
)

// read is what a verification shows: scenario.mjs.
type read struct {
	Name, State, Text, Says string
	Buttons, Verdicts       []string
	Hit                     int
	Hacked                  any
	Steps                   []struct {
		Name, Text string
		OK         bool
		Inputs     int
	}
}

// failed are the steps that don't hold.
func (r *read) failed() (names []string) {
	for _, s := range r.Steps {
		if !s.OK {
			names = append(names, s.Name)
		}
	}
	return names
}

func (r *read) step(name string) string {
	for _, s := range r.Steps {
		if s.Name == name {
			return s.Text
		}
	}
	return ""
}

type do = map[string]any

type upload struct {
	Name string `json:"name"`
	Body []byte `json:"body"`
}

type wire struct {
	URL    string `json:"url"`
	Body   []byte `json:"body"`
	Status int    `json:"status,omitempty"`
	Type   string `json:"type,omitempty"`
}

// play goes through a scenario, in which nothing may go wrong that a browser tells of, and gives what was read on the way.
func (b *chromium) play(t *testing.T, origin string, width int, todo ...do) []read {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	var got struct {
		Read       []read
		Complaints []string
		Seen       seen
	}
	if err := b.do(ctx, "scenario", map[string]any{"origin": origin, "width": width, "height": 900, "screenshots": screenshots(t), "todo": todo}, &got); err != nil {
		t.Fatal(err)
	}
	got.Seen.Elsewhere = slices.DeleteFunc(got.Seen.Elsewhere, func(url string) bool { return strings.HasPrefix(url, "file://") })
	for _, trouble := range append(got.Seen.troubles(200), got.Complaints...) {
		if strings.Contains(trouble, "net::ERR_ABORTED") || strings.Contains(trouble, "a status of 500") { // what a reader leaves before it is all there; what a scenario has fail
			continue
		}
		t.Error(trouble)
	}
	for i := range got.Read {
		if got.Read[i].Hacked != nil {
			t.Errorf("%s: a script that was in the evidence has run", got.Read[i].Name)
		}
	}
	return got.Read
}

// policyText is a log's policy as a reader would paste it.
func policyText(log *webtest.Log) string {
	var b strings.Builder
	fmt.Fprintf(&b, "log %s\n", log.VKey)
	names := ""
	for _, w := range log.Policy.Witnesses {
		fmt.Fprintf(&b, "witness %s %s\n", w.Name, w.VKey)
		names += " " + w.Name
	}
	fmt.Fprintf(&b, "group two 2%s\nquorum two\n", names)
	return b.String()
}

// withPolicy are the actions of a reader who pastes her policy.
func withPolicy(log *webtest.Log) []do {
	return []do{{"open": "details.settings"}, {"type": map[string]string{"selector": "#verify-policy", "text": policyText(log)}}, {"click": "[data-verify-use-policy]"}}
}

// testVerifyFiles gives files to /verify, and to the page that was saved from it, which lies on the disk of a computer without a network.
func testVerifyFiles(t *testing.T, b *chromium, log *webtest.Log) {
	if _, err := verifier.Load(); err != nil {
		t.Fatal(err)
	}
	origin := viewer(t, log)
	good, bad := tamperings(t, log)
	receipt, err := log.Client.Entry(t.Context(), log.At(webtest.AccessProven))
	if err != nil {
		t.Fatal(err)
	}
	proof, err := log.Client.Proof(t.Context(), receipt.Index, 0)
	if err != nil {
		t.Fatal(err)
	}
	head, err := log.Client.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other := head.Root
	other[0] ^= 1
	second, err := verify.SignHead(log.Signer, head.Size, other)
	if err != nil {
		t.Fatal(err)
	}
	fork := (&verify.Fork{First: head.Note, Second: second}).Encode()

	for place, open := range map[string]do{"served": {"goto": origin + "/verify"}, "saved": {"save": origin + "/verify/offline.html"}} {
		t.Run(place, func(t *testing.T) {
			todo := []do{open, {"picture": "verify-" + place}}
			give := func(name string, files ...upload) {
				todo = append(todo, do{"files": files}, do{"read": name})
			}
			give("good", upload{"e.attestlog", good})
			todo = append(todo, do{"picture": "verify-" + place + "-good"}, do{"drop": []upload{{"e.attestlog", good}}}, do{"read": "dropped"})
			give("a leaf and its proof", upload{"1.leaf", receipt.Leaf}, upload{"1.tlog-proof", proof})
			give("a head", upload{"head.note", head.Note})
			give("a leaf alone", upload{"1.leaf", receipt.Leaf})
			give("a fork", upload{"x.attestlog-fork", fork})
			todo = append(todo, do{"picture": "verify-" + place + "-fork"})
			give("a fork that is none", upload{"x.attestlog-fork", bytes.Replace(fork, []byte("left 0"), []byte("left 1"), 1)})
			give("three files", upload{"a", []byte("a")}, upload{"b", []byte("b")}, upload{"c", []byte("c")})
			todo = append(todo, do{"open": "details.settings"}, do{"type": map[string]string{"selector": "#verify-key", "text": "nonsense"}}, do{"click": "[data-verify-use-key]"},
				do{"wait": map[string]string{"selector": "#verify-key-said", "text": "that is no log’s key"}},
				do{"type": map[string]string{"selector": "#verify-policy", "text": "quorum nobody"}}, do{"click": "[data-verify-use-policy]"},
				do{"wait": map[string]string{"selector": "#verify-policy-said", "text": "is neither a witness nor a group"}}, do{"type": map[string]string{"selector": "#verify-policy", "text": ""}},
				do{"type": map[string]string{"selector": "#verify-key", "text": " " + log.VKey + "\n"}}, do{"click": "[data-verify-use-key]"},
				do{"wait": map[string]string{"selector": "#verify-key-said", "text": "is held to this key"}})
			give("by the reader's own key", upload{"e.attestlog", good})
			give("a script", upload{"<img src=x onerror=hacked=1>.attestlog", []byte("attestlog-bundle/v1\nhead 20\n<script>hacked=1</script>\n")})
			for _, m := range bad {
				if m.signed {
					give(m.name, upload{"e.attestlog", m.file})
				}
			}
			todo = append(todo, withPolicy(log)...)
			for _, m := range bad {
				if !m.signed {
					give(m.name, upload{"e.attestlog", m.file})
				}
			}
			give("good under a policy", upload{"e.attestlog", good})
			found := map[string]*read{}
			all := b.play(t, origin, 1280, todo...)
			for i := range all {
				found[all[i].Name] = &all[i]
			}
			at := fmt.Sprint(log.At(webtest.AccessProven)) + " proven"
			for name, want := range map[string]struct{ state, says string }{
				"good": {"holds", "The bundle holds: 1 entry"}, "dropped": {"holds", "The bundle holds: 1 entry"}, "good under a policy": {"holds", "The bundle holds: 1 entry"},
				"a leaf and its proof": {"holds", "Nothing more is shown by a leaf"}, "a head": {"holds", "signed this head"}, "a leaf alone": {"fails", "give its .tlog-proof"},
				"by the reader's own key": {"holds", "The bundle holds: 1 entry"}, "a fork": {"alarm", "This file shows a fork"}, "a fork that is none": {"fails", "shows nothing against the log"}, "three files": {"fails", "These are 3 files"}, "a script": {"alarm", "No key of"},
			} {
				if r := found[name]; r == nil || r.State != want.state || !strings.Contains(r.Says, want.says) {
					t.Errorf("%s: %+v, want %+v", name, r, want)
				}
			}
			for _, name := range []string{"good", "dropped", "good under a policy"} {
				if r := found[name]; r != nil && (len(r.failed()) > 0 || !slices.Equal(r.Verdicts, []string{at}) || !strings.Contains(r.step("proof"), "Groth16 proof verifies")) {
					t.Errorf("%s: failed steps %q, verdicts %q, proof: %s", name, r.failed(), r.Verdicts, r.step("proof"))
				}
			}
			if r := found["by the reader's own key"]; r != nil && !strings.Contains(r.step("key"), "which you gave") {
				t.Errorf("by the reader's own key: %s", r.step("key"))
			}
			if r := found["good under a policy"]; r != nil && !strings.Contains(r.step("witnesses"), "cosigned by") {
				t.Errorf("under a policy, the witnesses are: %s", r.step("witnesses"))
			}
			for _, m := range bad {
				checkTampering(t, m, found[m.name])
			}
		})
	}
}

// checkTampering makes sure that what was tampered with was refused, for the right reason, and that nothing looks proven.
func checkTampering(t *testing.T, m tampering, r *read) {
	t.Helper()
	if r == nil || r.State == "holds" || len(r.Verdicts) > 0 {
		t.Errorf("%s: it was accepted: %+v", m.name, r)
		return
	}
	if failed := r.failed(); m.step != "" && !slices.Equal(failed, []string{m.step}) {
		t.Errorf("%s: the steps %q failed, want %s: %s", m.name, failed, m.step, r.Says)
	}
}

// newKey is a key of somebody who calls himself like a log.
func newKey(t *testing.T, name string) (note.Signer, string) {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, public
}

// pageWithKey is a page for files as a server sends it that has the key of another log now.
func pageWithKey(t *testing.T, url, key string) []byte {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	with := regexp.MustCompile(`data-key="[^"]*"`)
	if len(with.FindAll(page, -1)) != 1 {
		t.Fatalf("the page has not one key:\n%s", page)
	}
	return with.ReplaceAllLiteral(page, []byte(`data-key="`+key+`"`))
}

// testVerifyHeads looks at heads, and at what the browser remembers of them: the log's key, and the heads that it saw.
func testVerifyHeads(t *testing.T, b *chromium, log *webtest.Log) {
	origin := viewer(t, log)
	heads, err := log.Client.Checkpoints(t.Context(), 0, 3)
	if err != nil || len(heads) < 2 {
		t.Fatalf("%d heads, %v", len(heads), err)
	}
	newest, older := heads[0], heads[1]
	page := func(size int64) string { return fmt.Sprintf("%s/heads/%d", origin, size) }
	other := newest.Root
	other[0] ^= 1
	forged, err := verify.SignHead(log.Signer, newest.Size, other)
	if err != nil {
		t.Fatal(err)
	}
	larger, err := verify.SignHead(log.Signer, newest.Size+1, other)
	if err != nil {
		t.Fatal(err)
	}
	_, public := newKey(t, webtest.Origin)
	noteOf := func(size int64) string { return fmt.Sprintf("/heads/%d/note", size) }
	verifyAt := func(name string, size int64) []do {
		return []do{{"goto": page(size)}, {"click": "[data-verify-start]"}, {"read": name}}
	}
	var todo []do
	todo = append(todo, verifyAt("first", older.Size)...)
	// By keyboard.
	todo = append(todo, do{"goto": page(newest.Size)}, do{"press": map[string]string{"selector": "[data-verify-start]", "key": "Enter"}}, do{"read": "next"})
	todo = append(todo, do{"picture": "head-verified"})
	todo = append(todo, verifyAt("older again", older.Size)...)
	todo = append(todo, do{"tamper": []wire{{URL: noteOf(newest.Size), Body: forged}}})
	todo = append(todo, verifyAt("fork of one size", newest.Size)...)
	todo = append(todo, do{"picture": "head-fork"})
	todo = append(todo, do{"tamper": []wire{{URL: noteOf(newest.Size), Body: larger}}})
	todo = append(todo, verifyAt("another size than asked for", newest.Size)...)
	todo = append(todo, do{"tamper": []wire{{URL: fmt.Sprintf("/consistency.json?from=%d&to=%d", older.Size, newest.Size), Body: []byte(`{"hashes":[]}`)}}})
	todo = append(todo, verifyAt("no hashes", older.Size)...)
	todo = append(todo, do{"tamper": []wire{{URL: fmt.Sprintf("/consistency.json?from=%d&to=%d", older.Size, newest.Size), Status: 500}}})
	todo = append(todo, verifyAt("no answer", older.Size)...)
	stranger, elsewhere := newKey(t, "log.elsewhere.example")
	strange, err := verify.SignHead(stranger, 5, other)
	if err != nil {
		t.Fatal(err)
	}
	todo = append(todo, do{"tamper": []wire{{URL: "/verify/log.pub", Body: []byte(elsewhere + "\n")}}})
	todo = append(todo, verifyAt("another log", newest.Size)...)
	swapped := wire{URL: "/verify", Body: pageWithKey(t, origin+"/verify", elsewhere), Type: "text/html; charset=utf-8"}
	todo = append(todo, do{"tamper": []wire{swapped}}, do{"goto": origin + "/verify"}, do{"files": []upload{{"head.note", strange}}}, do{"read": "a file of another log"})
	todo = append(todo, do{"tamper": []wire{{URL: "/verify/log.pub", Body: []byte(public + "\n")}}})
	todo = append(todo, verifyAt("another key", newest.Size)...)
	todo = append(todo, do{"picture": "key-changed"})
	todo = append(todo, do{"tamper": []wire{}}, do{"goto": page(newest.Size)})
	todo = append(todo, verifyAt("the old key again", newest.Size)...)
	todo = append(todo, do{"tamper": []wire{{URL: "/verify/log.pub", Body: []byte("nonsense")}}})
	todo = append(todo, verifyAt("no key", newest.Size)...)
	todo = append(todo, do{"tamper": []wire{{URL: "/verify/log.pub", Body: []byte(public + "\n")}}})
	todo = append(todo, verifyAt("another key again", newest.Size)...)
	todo = append(todo, do{"click": "[data-verify-forget]"}, do{"wait": map[string]string{"selector": "[data-verify-start]", "text": "Verify in this browser"}}, do{"click": "[data-verify-start]"}, do{"read": "under the other key"})
	found := map[string]*read{}
	all := b.play(t, origin, 390, todo...)
	for i := range all {
		found[all[i].Name] = &all[i]
	}
	for name, want := range map[string]struct{ state, text string }{
		"first": {"holds", "has not seen a head of"}, "next": {"holds", "continues that of"}, "older again": {"holds", "continues that of"},
		"fork of one size": {"alarm", "signed two roots"}, "another size than asked for": {"fails", "was asked for the head of"}, "no hashes": {"alarm", "doesn’t continue"},
		"no answer": {"fails", "couldn’t be held against what was seen before"}, "another log": {"alarm", "showed another log before"}, "a file of another log": {"alarm", "showed another log before"},
		"another key": {"alarm", "has changed"}, "the old key again": {"holds", "and the same since"}, "no key": {"fails", "gave no key"}, "another key again": {"alarm", "has changed"}, "under the other key": {"fails", "seen here for the first time"},
	} {
		r := found[name]
		if r == nil || r.State != want.state || !strings.Contains(r.Text, want.text) {
			t.Errorf("%s: %+v, want %+v", name, r, want)
		}
	}
	if r := found["fork of one size"]; r != nil && !slices.ContainsFunc(r.Buttons, func(l string) bool { return strings.Contains(l, ".attestlog-fork") }) {
		t.Errorf("the evidence of the fork can't be saved: %q", r.Buttons)
	}
}
