package api

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"
	tesseraapi "github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/fsck"
)

// fsck has Tessera rebuild the whole log from its entries and compare every tile, over HTTP: of the log as it is, and of copies that are
// bent on the way, each in one place. Its command can't be trusted (it ends with 0 on a broken log), and with one worker it hangs; its
// package is sound.
func (w *live) fsck(t *testing.T) {
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte {
			b[at] ^= 1
			return b
		}
	}
	for _, tc := range []struct {
		name string
		path string // begins so
		bend func([]byte) []byte
		want string // of the error; empty where all is well
	}{
		{"as it is", "/", func(b []byte) []byte { return b }, ""},
		{"a byte of a tile", "/tile/0/001", flip(100), "failed"},
		{"a byte of a partial tile", "/tile/0/002.p/", flip(31), "failed"},
		{"a byte of a tile above", "/tile/1/000.p/", flip(40), "failed"},
		{"a tile cut short", "/tile/0/001", func(b []byte) []byte { return b[:len(b)-32] }, "failed"},
		{"a byte of an entry", "/tile/entries/001", flip(1000), "failed"},
		{"a byte of the last entry", "/tile/entries/002.p/", func(b []byte) []byte { return flip(len(b) - 3)(b) }, "failed"},
		{"entries in another order", "/tile/entries/001", func(b []byte) []byte {
			first := 2 + int(b[0])<<8 + int(b[1])
			second := first + 2 + int(b[first])<<8 + int(b[first+1])
			return slices.Concat(b[first:second], b[:first], b[second:])
		}, "failed"}, // one that is missing isn't among these: it makes fsck panic
		{"a byte of the head", "/checkpoint", func(b []byte) []byte { return flip(bytes.Index(b, []byte("\n\n")) - 5)(b) }, "failed to fetch and verify checkpoint"},
		{"nothing where entries should be", "/tile/entries/001", func([]byte) []byte { return nil }, "error while streaming bundles"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			bent := false
			copied := w.proxy(t, tc.path, func(b []byte) []byte { bent = true; return tc.bend(b) })
			err := fsck.New(liveOrigin, w.key, w.tesseraAt(t, copied), leafHashes, fsck.Opts{N: 2}).Check(ctx)
			if !bent {
				t.Error("nothing was bent: this test would see nothing")
			}
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) || ctx.Err() != nil {
				t.Errorf("fsck says %v, want %q", err, tc.want)
			}
		})
	}
}

// leafHashes reads an entry bundle for fsck.
func leafHashes(b []byte) (hashes [][]byte, err error) {
	bundle := tesseraapi.EntryBundle{}
	if err := bundle.UnmarshalText(b); err != nil {
		return nil, err
	}
	for _, leaf := range bundle.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(leaf))
	}
	return hashes, nil
}

// proxy serves the log to others, and bends what it answers to paths that begin so. Where nothing is left of an answer, it is 404.
func (w *live) proxy(t *testing.T, path string, bend func([]byte) []byte) string {
	t.Helper()
	at, err := url.Parse(w.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(at)
	proxy.ErrorLog = log.New(io.Discard, "", 0) // fsck hangs up on what is bent
	proxy.Transport = w.server.Client().Transport
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.StatusCode != http.StatusOK || !strings.HasPrefix(r.Request.URL.Path, path) {
			return nil
		}
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		if b = bend(b); b == nil {
			r.StatusCode, r.Status = http.StatusNotFound, "404 Not Found"
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
		r.Header.Set("Content-Length", strconv.Itoa(len(b)))
		return nil
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}
