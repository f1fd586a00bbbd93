package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// about makes a source's next event about a subject of any name.
func (w *live) about(subject, source string, letter byte, claims event.Claims) event.Digest {
	w.t.Helper()
	e, err := event.Decode(w.say(source, letter, claims).Envelope.Payload)
	if err != nil {
		w.t.Fatal(err)
	}
	e.Subject.Name = subject
	payload, err := e.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	w.chains[source] = verify.After(e, event.DigestOf(payload))
	w.submit(&event.Submission{Envelope: event.Sign(payload, keyOf(letter))})
	return event.DigestOf(payload)
}

func oneColumn() *event.DatasetClaims {
	return &event.DatasetClaims{Rows: 200, Columns: []event.Column{{Name: "age", Role: event.RoleOther, Coding: event.Coding{Integer: &event.IntegerCoding{Max: 9}}}}, Purposes: []string{"research"}}
}

// The walk of a subject begins with its newest model version, or with the one that is asked for, and without any with its newest data set.
func TestProvenanceOfSubjects(t *testing.T) {
	w := startLive(t)
	const odd = "scoring/eu v2? 100% „schön“ \u202eطق%2F#"
	raw := w.about("people", "clinic/1", 'c', oneColumn())              // 3
	data := w.about("people, anonymized", "clinic/1", 'c', oneColumn()) // 4
	w.about("people", "clinic/1", 'c', &event.AnonymizationClaims{ChunkRows: 128, Dataset: raw, Released: data, K: 2, Diversity: 1})
	approval := w.about(odd, "clinic/1", 'c', &event.ApprovalClaims{Releases: event.Element{31: 1}}) // 6
	for _, version := range []string{"1", "2"} {
		w.about(odd, "gateway/1", 'g', &event.ModelVersionClaims{Approval: approval, Version: version}) // 7, 8
	}
	w.about("..", "clinic/1", 'c', oneColumn()) // 9
	w.submit(w.say("operator/1", 'o', &event.SourceClaims{Action: event.SourceRevoke, Key: public('c'), Source: "clinic/1", From: 6}))
	w.fill(20)
	w.until("all is published", func() bool { head, _ := w.ledger.Published(); return head.Size >= 31 })

	for name, c := range map[string]struct {
		subject, query string
		status         int
		of             int64
		links          []string
		versions       int
	}{
		"a system of an odd name":    {odd, "", 200, 8, []string{"8 approval 6 claimed true", "8 weights -1 missing true"}, 2},
		"its older version":          {odd, "?entry=7", 200, 7, []string{"7 approval 6 claimed true", "7 weights -1 missing true"}, 2},
		"another entry of it":        {odd, "?entry=6", 200, 6, nil, 2},
		"an entry of others":         {odd, "?entry=3", 404, 0, nil, 0},
		"an entry that isn't":        {odd, "?entry=4000", 404, 0, nil, 0},
		"a data set":                 {"people, anonymized", "", 200, 4, []string{"4 raw data 3 claimed false"}, 1},
		"a name that leads up":       {"..", "", 200, 9, nil, 1},
		"no model, no data set":      {"credit-scoring", "", 404, 0, nil, 0},
		"nobody":                     {"nobody", "", 404, 0, nil, 0},
		"too long a name":            {strings.Repeat("x", 257), "", 400, 0, nil, 0},
		"no text":                    {"\xff", "", 400, 0, nil, 0},
		"a zero":                     {"a\x00b", "", 400, 0, nil, 0},
		"an entry that is no number": {odd, "?entry=x", 400, 0, nil, 0},
		"a parameter that isn't":     {odd, "?of=7", 400, 0, nil, 0},
		"a size without a head":      {odd, "?size=4000", 404, 0, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			path := url.PathEscape(c.subject)
			if c.subject == ".." {
				path = "%2E%2E"
			}
			status, _, body := w.get("/v1/provenance/" + path + c.query)
			if status != c.status {
				t.Fatalf("%d: %s", status, body)
			}
			if status != http.StatusOK {
				return
			}
			var got walked
			if err := jsonInto(body, &got); err != nil {
				t.Fatal(err)
			}
			if got.Subject != c.subject || got.Of != c.of || len(got.Versions) != c.versions || got.More {
				t.Errorf("from entry %d of %q, %d versions", got.Of, got.Subject, len(got.Versions))
			}
			if head, err := verify.OpenHead([]byte(got.Checkpoint), w.key); err != nil || head.Size != got.Size {
				t.Errorf("the head: %v", err)
			}
			var links []string
			for _, l := range got.Links {
				to := int64(-1)
				if l.To != nil {
					to = *l.To
				}
				links = append(links, fmt.Sprintf("%d %s %d %s %t", l.From, l.Name, to, l.State, l.Revoked))
			}
			if strings.Join(links, ", ") != strings.Join(c.links, ", ") {
				t.Errorf("the links are %q, want %q", links, c.links)
			}
			for _, n := range got.Nodes {
				if n.Sentence == "" || n.Verdict == "" {
					t.Errorf("of entry %d nothing is said", n.Index)
				}
			}
		})
	}
}

// Walks take the room of bundles, and no more of it than they need.
func TestRoomForWalks(t *testing.T) {
	making, finish := make(chan struct{}), make(chan struct{})
	log := &stub{provenance: func(context.Context, ledger.ProvenanceQuery) (*ledger.Walked, error) {
		making <- struct{}{}
		<-finish
		return &ledger.Walked{Walk: (&verify.Provenance{}).Walk(verify.Head{})}, nil
	}}
	s, err := newServer(Config{Ledger: log})
	if err != nil {
		t.Fatal(err)
	}
	ask := func() *recorder {
		w := &recorder{header: http.Header{}}
		s.routes.ServeHTTP(w, request(t, http.MethodGet, "/v1/provenance/x", ""))
		return w
	}
	answers := make(chan *recorder)
	for range maxMaking {
		go func() { answers <- ask() }()
		<-making
	}
	if late := ask(); late.status != http.StatusTooManyRequests || late.header.Get("Retry-After") != "1" {
		t.Errorf("one more: %d, %v", late.status, late.header)
	}
	close(finish)
	for range maxMaking {
		if a := <-answers; a.status != http.StatusOK {
			t.Errorf("%d: %s", a.status, &a.body)
		}
	}
	go func() { answers <- ask() }()
	<-making
	if a := <-answers; a.status != http.StatusOK {
		t.Errorf("afterwards: %d: %s", a.status, &a.body)
	}
}
