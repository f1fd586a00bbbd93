package api

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// What the log puts together an auditor verifies by the log's key alone, revocations included.
func TestBundlesVerify(t *testing.T) {
	w := startLive(t)
	data := w.say("clinic/1", 'c', &event.DatasetClaims{Rows: 1, Columns: []event.Column{{Name: "age", Role: event.RoleOther, Coding: event.Coding{Integer: &event.IntegerCoding{Max: 9}}}},
		Purposes: []string{"research"}})
	w.submit(data)
	access := w.say("gateway/1", 'g', &event.DataAccessClaims{Columns: []string{"age"}, Dataset: data.Envelope.Digest(), Purpose: "research", Records: 1})
	w.submit(access)
	w.submit(w.say("operator/1", 'o', &event.SourceClaims{Action: event.SourceRevoke, Key: public('c'), Source: "clinic/1", From: 3}))
	w.fill(20)

	fetch := func(query string) []byte {
		t.Helper()
		status, header, file := w.get("/v1/bundles?" + query)
		if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Disposition"), `attachment; filename="entry-`) {
			t.Fatalf("%s: %d %v %.300s", query, status, header, file)
		}
		return file
	}
	file := fetch("provenance=" + access.Envelope.Digest().String())
	b, err := verify.ParseBundle(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.Verify(w.key, nil)
	if err != nil || !slices.Equal(b.Asked(), []int64{3, 4}) || len(r.Doubts()) == 0 {
		t.Fatalf("it is about %v: %v; doubts %q", b.Asked(), err, r.Doubts())
	}
	p, err := r.Provenance(4)
	if err != nil || p.State() != verify.LinkClaimed || len(p.Links) != 1 || !slices.Equal(p.Raw, []int64{3}) {
		t.Errorf("the walk is %+v, %v", p, err)
	}
	size := fmt.Sprintf("&size=%d", r.Head.Size)
	if again := fetch("entries=4,3" + size); !bytes.Equal(again, file) {
		t.Error("the same entries and head give another file")
	}
	all := make([]string, 26)
	for i := range all {
		all[i] = fmt.Sprint(i)
	}
	if b, err = verify.ParseBundle(fetch("entries=" + strings.Join(all, ","))); err == nil {
		_, err = b.Verify(w.key, nil)
	}
	if err != nil {
		t.Errorf("of everything: %v", err)
	}
}
