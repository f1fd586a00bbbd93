package monitor

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"filippo.io/torchwood"
)

// paper is a source that serves the same at every path.
type paper []byte

func (p paper) Get(context.Context, string, int64) ([]byte, error) { return p, nil }
func (p paper) String() string                                     { return "paper" }

func FuzzBundle(f *testing.F) {
	var good []byte
	for _, leaf := range [][]byte{[]byte("a"), nil, []byte("ccc")} {
		good, _ = torchwood.AppendTileEntry(good, leaf)
	}
	f.Add(good, 3)
	f.Add(good, 2)
	f.Add([]byte{0xff, 0xff}, 1)
	f.Fuzz(func(t *testing.T, b []byte, width int) {
		width = 1 + abs(width)%torchwood.TileWidth
		leaves, err := bundle(t.Context(), paper(b), 7, width)
		if err != nil {
			return
		}
		var again []byte
		for _, leaf := range leaves {
			if again, err = torchwood.AppendTileEntry(again, leaf); err != nil {
				t.Fatal(err)
			}
		}
		if len(leaves) != width || !bytes.Equal(again, b) {
			t.Errorf("%d leaves were read of %x", len(leaves), b)
		}
	})
}

func abs(n int) int { return max(n, -(n + 1)) }

func TestHTTPSource(t *testing.T) {
	answers := map[string]func(w http.ResponseWriter, n int){
		"/log/ok":      func(w http.ResponseWriter, _ int) { w.Write([]byte("hello")) },
		"/log/missing": func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusNotFound) },
		"/log/refused": func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusForbidden) },
		"/log/flaky": func(w http.ResponseWriter, n int) {
			if n < 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		},
		"/log/down": func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusBadGateway) },
	}
	asked := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked[r.URL.Path]++
		answers[r.URL.Path](w, asked[r.URL.Path])
	}))
	defer server.Close()
	s, err := NewHTTPSource(server.URL+"/log", server.Client())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		path        string
		most        int64
		ok, missing bool
		times       int
	}{
		{"ok", 5, true, false, 1}, {"ok", 4, false, false, 2}, {"missing", 5, false, true, 1}, {"refused", 5, false, false, 1},
		{"flaky", 5, true, false, 3}, {"down", 5, false, false, 4},
	} {
		_, err := s.Get(t.Context(), tc.path, tc.most)
		var busy *unreadable
		if (err == nil) != tc.ok || errors.Is(err, ErrMissing) != tc.missing || !tc.ok && !tc.missing && !errors.As(err, &busy) || asked["/log/"+tc.path] != tc.times {
			t.Errorf("%s: %v, asked %d times", tc.path, err, asked["/log/"+tc.path])
		}
	}
	for _, bad := range []string{"", "log.example", "ftp://log.example/", "http://log.example/?q=1", "http://log.example/#x"} {
		if s, err := NewHTTPSource(bad, http.DefaultClient); err == nil {
			t.Errorf("%q is taken for an address: %s", bad, s)
		}
	}
}
