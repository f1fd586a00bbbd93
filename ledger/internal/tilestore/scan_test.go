package tilestore

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
)

// Whatever is asked for, page by page, it is what looking at every entry gives; also across buckets of the index, for
// names that are frequent, rare, and nowhere.
func TestScan(t *testing.T) {
	const size = 2<<bucketBits + 500
	start := time.UnixMilli(1_700_000_000_000)
	clock := start
	s := open(t, Config{Clock: func() time.Time { return clock }})
	r := lead(t, s, rawSubmissions{})
	all := make([]submission, size)
	for i := range all {
		all[i] = submission{event.Kind(1 + i%3), "busy", "usual", "x"}
		if i%1000 == 7 {
			all[i].source, all[i].subject = "quiet", "odd"
		}
		if i%70000 == 5 {
			all[i].source, all[i].kind = "rare", 9
		}
	}
	for from := 0; from < size; from += 4000 {
		clock = clock.Add(time.Second)
		r.submit(all[from:min(from+4000, size)]...)
	}
	rows, err := s.Rows(t.Context(), 0, size)
	if err != nil || len(rows) != size {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for name, q := range map[string]Query{
		"everything":             {Limit: 70000},
		"a frequent source":      {Source: "busy", Limit: 50000},
		"a quiet source":         {Source: "quiet", Limit: 13},
		"a rare source":          {Source: "rare", Limit: 2},
		"a rare kind":            {Kinds: []event.Kind{9}, Limit: 100},
		"two kinds":              {Kinds: []event.Kind{9, 2}, Limit: 40000},
		"a subject":              {Subject: "odd", Limit: 100},
		"source and kind":        {Source: "quiet", Kinds: []event.Kind{2}, Limit: 10},
		"source and subject":     {Source: "rare", Subject: "usual", Limit: 10},
		"nothing has it":         {Source: "quiet", Kinds: []event.Kind{9}, Limit: 10},
		"an unknown name":        {Source: "nobody", Limit: 10},
		"a period":               {Source: "quiet", From: start.Add(9 * time.Second), To: start.Add(25 * time.Second), Limit: 10},
		"since between two":      {From: start.Add(31*time.Second + 1), Limit: 5000},
		"a smaller tree":         {Kinds: []event.Kind{9}, Size: 1 << bucketBits, Limit: 100},
		"a period without entry": {From: start.Add(time.Hour), Limit: 10},
	} {
		for _, descending := range []bool{false, true} {
			q := q
			q.Descending = descending
			if q.Size == 0 {
				q.Size = size
			}
			var want []int64
			for _, row := range rows[:q.Size] {
				if (q.Kinds == nil || slices.Contains(q.Kinds, row.Kind)) &&
					(q.Source == "" || q.Source == row.Source) && (q.Subject == "" || q.Subject == row.Subject) &&
					(q.From.IsZero() || !time.UnixMilli(row.Logged).Before(q.From)) && (q.To.IsZero() || time.UnixMilli(row.Logged).Before(q.To)) {
					want = append(want, row.Index)
				}
			}
			if descending {
				slices.Reverse(want)
			}
			var got []int64
			for {
				page, err := s.Scan(t.Context(), q)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				for _, row := range page {
					got = append(got, row.Index)
				}
				if len(page) < q.Limit {
					break
				}
				q.Cursor = q.Next(page[len(page)-1])
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, descending %v: %d entries, want %d", name, descending, len(got), len(want))
			}
		}
	}
	if last, err := s.LastOf(t.Context(), "rare"); err != nil || last.Index != 70005 {
		t.Errorf("LastOf(rare) = %d, %v", last.Index, err)
	}
}

// Whatever is wrong outside of the leaves, Reindex mends; what is wrong in them, it reports, and touches nothing.
func TestReindex(t *testing.T) {
	s := open(t, Config{})
	r := lead(t, s, judge{})
	r.fill(5000)
	r.stop()
	ref, _ := verify(t, s)
	for _, damage := range []string{
		"SELECT 1", // nothing at all
		"UPDATE entries SET kind = 77, logged = 0 WHERE idx % 100 = 0",
		"UPDATE entries SET source = subject, digest = gen_random_uuid()",
		"UPDATE names SET name = name || '!'",
		"DELETE FROM names",
		"DELETE FROM tiles WHERE n > 3",
		"UPDATE tiles SET root = sha256(root), hashes = hashes || '' WHERE n = 2",
	} {
		if _, err := s.pool.Exec(t.Context(), damage); err != nil {
			t.Fatal(err)
		}
		var done, of int64
		if err := s.Reindex(t.Context(), func(d, n int64) { done, of = d, n }); err != nil {
			t.Fatalf("%s: %v", damage, err)
		}
		if done != 5000 || of != 5000 {
			t.Errorf("progress ended at %d of %d", done, of)
		}
		verify(t, s)
		row, err := s.RowByDigest(t.Context(), event.DigestOf([]byte("payload 4321")))
		if err != nil || row.Index != 4321 {
			t.Errorf("%s: RowByDigest = %d, %v", damage, row.Index, err)
		}
		fresh := open(t, Config{URL: s.cfg.URL})
		for i := int64(0); i < 5000; i += 77 {
			checkInclusion(t, fresh, ref, i, 5000)
		}
		again := lead(t, fresh, judge{})
		if it := again.submit(nth(4999))[0]; !it.Duplicate || it.Err != nil {
			t.Errorf("%s: a known event: %+v", damage, it)
		}
		again.stop()
	}
	for _, tc := range [][2]string{
		{"UPDATE entries SET leaf = '1|1|s|t|forged' WHERE idx = 7", "the leaves are damaged"},
		{"UPDATE entries SET leaf = 'nonsense' WHERE idx = 7", "entry 7: not a leaf"},
		{"DELETE FROM entries WHERE idx = 7", "entry 7 is missing"},
	} {
		damage, want := tc[0], tc[1]
		if _, err := s.pool.Exec(t.Context(), damage); err != nil {
			t.Fatal(err)
		}
		if err := s.Reindex(t.Context(), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", damage, err, want)
		}
	}
	var n int
	if err := s.pool.QueryRow(t.Context(), "SELECT count(*) FROM tiles").Scan(&n); err != nil || n != 5000/256 {
		t.Errorf("%d tiles are left (%v)", n, err)
	}
}
