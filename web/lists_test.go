package web

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web/webtest"
)

// viewOf makes a viewer of a log of webtest's.
func viewOf(t *testing.T, log *webtest.Log, change func(*Config)) http.Handler {
	t.Helper()
	cfg := Config{Log: log.Connect(), Policy: log.Policy}
	if change != nil {
		change(&cfg)
	}
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// plainText is a page without its markup, with single blanks.
func plainText(page string) string {
	_, main, _ := strings.Cut(page, "<main")
	main = regexp.MustCompile(`<[^>]*>`).ReplaceAllString("<"+main, " ")
	for entity, char := range map[string]string{"&#39;": "'", "&#34;": `"`, "&lt;": "<", "&gt;": ">", "&#43;": "+", "&amp;": "&"} {
		main = strings.ReplaceAll(main, entity, char)
	}
	return strings.Join(strings.Fields(main), " ")
}

func wantTexts(t *testing.T, h http.Handler, target string, status int, texts ...string) string {
	t.Helper()
	res, body := get(t, h, "GET", target)
	text := plainText(body)
	if res.StatusCode != status {
		t.Errorf("%s: status %d, want %d: %s", target, res.StatusCode, status, text)
	}
	for _, want := range texts {
		if !strings.Contains(text, want) {
			t.Errorf("%s lacks %q:\n%s", target, want, text)
		}
	}
	return body
}

// TestLists looks at a log with every turn that a source's keys and a statement can take, today and when its sources have been silent for long.
func TestLists(t *testing.T) {
	log := webtest.Full(t)
	_, peer := follow(t, log)
	m, url := follow(t, log, peer)
	if err := m.Exchange(t.Context(), peer); err != nil {
		t.Fatal(err)
	}
	now := time.Now
	h := viewOf(t, log, func(c *Config) {
		c.Monitors = []Monitor{asked(t, log, "the university", url)}
		c.Now = func() time.Time { return now() }
	})
	newest, err := log.Client.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ids := statementIDs(t, log)

	t.Run("sources", func(t *testing.T) {
		body := wantTexts(t, h, "/sources", 200, "9 sources, by name", "auditor/visiting service active none never spoke 1",
			"gateway/eu-2 service revoked 26", "1 · in doubt", "2 · break", "prover/retired prover revoked")
		if strings.Contains(body, `<tr class="bad">`) {
			t.Error("a source is overdue that spoke today")
		}
		wantTexts(t, h, "/sources?after=lab/trainer", 200, "9 sources, those after lab/trainer , by name", "Keys so far operator/1")
		wantTexts(t, h, "/sources?after=zzz/zzz", 200, "There is no source after zzz/zzz .")
	})
	t.Run("a source with three keys", func(t *testing.T) {
		at := func(name webtest.Name) string { return fmt.Sprint(log.At(name)) }
		wantTexts(t, h, "/sources/gateway/eu-1", 200, "Recovery key named at registration", at(webtest.SourceRecovered)+" Recovered", "by its recovery key",
			at(webtest.SourceRotated)+" Rotated", "by itself", at(webtest.SourceRegistered)+" Registered", "by the operator, with the new key’s consent",
			fmt.Sprintf("%d to %d", log.At(webtest.SourceRegistered)+1, log.At(webtest.SourceRotated)), "no gap, and each names the one before", "Next number 87")
	})
	t.Run("a source whose key was stolen", func(t *testing.T) {
		wantTexts(t, h, "/sources/gateway/eu-2", 200, "proven in doubt", "27, once it has a key again", "Key revoked", "Revoked", "by the operator", fmt.Sprintf("in doubt from entry %d on", log.At(webtest.AccessInDoubt)))
	})
	t.Run("a source with a break", func(t *testing.T) {
		wantTexts(t, h, "/sources/board/approvals", 200, "The log’s operator alone replaced this source’s key.", "Replaced: a break", "by the operator alone break")
	})
	t.Run("a prover", func(t *testing.T) {
		wantTexts(t, h, "/sources/prover/1", 200, "Witnesses for it are sealed to age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p")
	})
	t.Run("the operator", func(t *testing.T) {
		wantTexts(t, h, "/sources/operator/1", 200, "by itself: it is the log’s operator", "0 and later")
	})
	t.Run("what became of deferred proofs", func(t *testing.T) {
		law := newLaw(t, log)
		v, err := newViewer(Config{Log: log.Connect()})
		if err != nil {
			t.Fatal(err)
		}
		q := client.Query{Source: "gateway/eu-1", Limit: 1000}
		page, err := v.log.Entries(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		rows := listRows(law, page)
		for name, want := range map[webtest.Name]string{webtest.AccessWaiting: "waiting", webtest.AccessDeferred: "proven", webtest.AccessRefused: "refused", webtest.AccessOverruled: "proven",
			webtest.AccessClaimed: "claimed", webtest.AccessProven: "proven", webtest.AccessDoomed: "proven in doubt"} {
			i := slices.IndexFunc(rows, func(r listRow) bool { return r.Index == log.At(name) })
			if got := rows[i].Status + map[bool]string{true: " in doubt"}[rows[i].Doubt]; got != want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
	})
	t.Run("no source", func(t *testing.T) {
		wantTexts(t, h, "/sources/nobody/1", 404, "No source of this name is registered")
		wantTexts(t, h, "/sources/%3Cb%3E/1", 404, "No source can have this name")
		wantTexts(t, h, "/sources/auditor/visiting", 200, "it never spoke", "It hasn’t said anything yet.", "Nothing yet.")
	})

	t.Run("statements", func(t *testing.T) {
		wantTexts(t, h, "/statements", 200, "6 statements", "data-access-64 data-access UNTRUSTED one-party set-up active", "model-version model-version ceremony active",
			"retention.v2 an imported circuit’s values UNTRUSTED imported from elsewhere active", "revoked in doubt")
		wantTexts(t, h, "/statements?from=5", 200, "6 statements", "revoked in doubt")
		wantTexts(t, h, "/statements?from=7", 400, "must be a number from 0 to 6")
	})
	t.Run("a statement", func(t *testing.T) {
		wantTexts(t, h, "/statements/"+ids[webtest.OneParty], 200, "UNTRUSTED one-party set-up", "each of which consents to the purpose", "That the source read nothing else",
			"constraint", "Proving key", "accesses", "All entries under this statement", "credit-scoring")
		wantTexts(t, h, "/statements/"+ids[webtest.Doomed], 200, fmt.Sprintf("revoked by entry %d", log.At(webtest.StatementRevoked)), fmt.Sprintf("Its events from entry %d on are in doubt", log.At(webtest.Doomed)))
		wantTexts(t, h, "/statements/"+ids[webtest.Ceremony], 200, "a ceremony of several parties", "anybody can replay")
		wantTexts(t, h, "/statements/"+ids[webtest.Imported], 200, "the words of whoever imported", "records integer 0 1,048,576", "passed boolean")
		wantTexts(t, h, "/statements/"+strings.Repeat("0", 64), 404, "No statement with this verifying key")
		wantTexts(t, h, "/statements/"+strings.ToUpper(ids[webtest.OneParty]), 404, "64 hex digits")
	})

	t.Run("heads", func(t *testing.T) {
		wantTexts(t, h, "/heads", 200, fmt.Sprintf("w0 witness.regulator.example witness %d", newest.Size), "w2 witness.asleep.example witness none known", "the university monitor",
			"this viewer’s policy asks for 2 of (w0, w1, w2)", "satisfied 2 of 3 witnesses", "It is the same history as here.")
		wantTexts(t, h, "/heads?before=2", 200, "Those of fewer than 2 entries")
		wantTexts(t, h, "/heads?before=x", 400, "must be a number")
		body := wantTexts(t, h, fmt.Sprintf("/heads/%d", newest.Size), 200, "The log’s key signed this head", "satisfied It has the cosignatures", "witness.university.example", "the university saw a head of")
		if !strings.Contains(html.UnescapeString(body), strings.SplitN(string(newest.Note), "\n", 4)[2][:20]) {
			t.Error("the note isn't there")
		}
		res, note := get(t, h, "GET", fmt.Sprintf("/heads/%d/note", newest.Size))
		if head, _, err := log.Policy.Open([]byte(note), log.Key); err != nil || head.Root != newest.Root || res.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("the note is served as %q, %v", note, err)
		}
		wantTexts(t, h, "/heads/1000000", 404, "no head of exactly 1000000 entries", fmt.Sprintf("The next smaller one is of %d entries.", newest.Size))
		for _, target := range []string{"/heads/0", "/heads/-1", "/heads/x", "/heads/9223372036854775807", "/heads/x/note"} {
			wantTexts(t, h, target, 404)
		}
	})
	t.Run("consistency", func(t *testing.T) {
		heads, err := log.Client.Checkpoints(t.Context(), 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, older := range heads {
			wantTexts(t, h, fmt.Sprintf("/consistency?from=%d&to=%d", older.Size, newest.Size), 200, "verified")
			_, body := get(t, h, "GET", fmt.Sprintf("/consistency.json?from=%d&to=%d", older.Size, newest.Size))
			var proof struct {
				From, To int64
				Hashes   []string
			}
			if err := json.Unmarshal([]byte(body), &proof); err != nil || proof.From != older.Size || proof.To != newest.Size || proof.Hashes == nil {
				t.Fatalf("the proof is %s, %v", body, err)
			}
			if err := older.CheckConsistency(newest, hashes(t, proof.Hashes)); err != nil {
				t.Errorf("from %d: %v", older.Size, err)
			}
		}
		// A receipt's head is mostly of a size that was not published. Whether this one was depends on how quick the log is: it holds in both cases.
		_, body := get(t, h, "GET", fmt.Sprintf("/consistency.json?from=%d&to=%d", newest.Size, 3))
		var proof struct{ Hashes []string }
		if err := json.Unmarshal([]byte(body), &proof); err != nil {
			t.Fatalf("the proof is %s, %v", body, err)
		}
		three := verify.Head{Origin: webtest.Origin, Size: 3, Root: rootOfThree(t, log)}
		if err := three.CheckConsistency(newest, hashes(t, proof.Hashes)); err != nil {
			t.Error(err)
		}
		wantTexts(t, h, fmt.Sprintf("/consistency.json?from=%d&to=%d", newest.Size, int64(1)<<40), 404)
		wantTexts(t, h, fmt.Sprintf("/consistency.json?from=0&to=%d", newest.Size), 404)
		second := heads[1].Size
		wantTexts(t, h, fmt.Sprintf("/consistency?from=%d&to=%d", newest.Size, second), 200, fmt.Sprintf("The first %d of the %d entries", second, newest.Size))
		wantTexts(t, h, "/consistency", 200, "Compare two heads")
		wantTexts(t, h, "/consistency?from=1", 400, "needs two sizes")
		wantTexts(t, h, "/consistency.json", 400, "needs two sizes")
		wantTexts(t, h, fmt.Sprintf("/consistency?from=0&to=%d", newest.Size), 404, "at least one entry")
	})

	t.Run("monitors", func(t *testing.T) {
		body := wantTexts(t, h, "/monitors", 200, "1 monitor", "the university fresh "+fmt.Sprint(newest.Size), "It found nothing wrong.", "each against the log’s law", "v1.4.0", "fresh "+peer+" answered")
		if strings.Contains(body, "caught at") {
			t.Error("there is a banner")
		}
		wantTexts(t, h, "/monitors/evidence/0000000000000001", 404, "No monitor has brought evidence")
	})
	t.Run("proving", func(t *testing.T) {
		wantTexts(t, h, "/proving", 200, "Wait for a proof 1", "Proven later 2", "Refused 2", "Events wait, and no worker serves this statement.", "No worker has been seen, and events wait")
	})
	t.Run("overdue", func(t *testing.T) {
		later := time.Now().Add(20 * 24 * time.Hour)
		now = func() time.Time { return later }
		body := wantTexts(t, h, "/sources", 200, "1 source on this page has been silent for longer than is usual", "86 20 days ago overdue")
		if strings.Count(body, `<tr class="bad">`) != 1 {
			t.Error("another source than the one that spoke every day is overdue, too")
		}
		wantTexts(t, h, "/sources/gateway/eu-1", 200, "It has been silent since", "The longest pause between the last 5 days")
	})
}

// statementIDs are those of the statements that have names.
func statementIDs(t *testing.T, log *webtest.Log) map[webtest.Name]string {
	t.Helper()
	ids := map[webtest.Name]string{}
	for _, name := range []webtest.Name{webtest.OneParty, webtest.Doomed, webtest.Ceremony, webtest.Imported} {
		entry, err := verify.OpenEntry(log.At(name), log.Receipt(name).Leaf)
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = entry.Event.Subject.Digest.String()
	}
	return ids
}

func hashes(t *testing.T, all []string) [][32]byte {
	t.Helper()
	out := make([][32]byte, len(all))
	for i, digits := range all {
		b, err := hex.DecodeString(digits)
		if err != nil || len(b) != 32 {
			t.Fatalf("%q is no hash: %v", digits, err)
		}
		out[i] = [32]byte(b)
	}
	return out
}

// rootOfThree is the root of the log's first three entries.
func rootOfThree(t *testing.T, log *webtest.Log) [32]byte {
	t.Helper()
	var leaves [3][32]byte
	for i := range leaves {
		r, err := log.Client.Entry(t.Context(), int64(i))
		if err != nil {
			t.Fatal(err)
		}
		leaves[i] = verify.LeafHash(r.Leaf)
	}
	node := rfc6962.DefaultHasher.HashChildren
	return [32]byte(node(node(leaves[0][:], leaves[1][:]), leaves[2][:]))
}
