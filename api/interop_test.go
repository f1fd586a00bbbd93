package api

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"filippo.io/torchwood"
	"github.com/transparency-dev/formats/proof"
	merkle "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/attestlog/attestlog/ledger/event"
)

// interopSize is enough for full tiles, partial ones, and a second level of tiles; what libraries read is cut at sizes between.
const interopSize = 700

// TestOthersReadTheLog lets libraries that are not ours read a running log.
func TestOthersReadTheLog(t *testing.T) {
	w := startLive(t)
	w.fill(interopSize)
	t.Run("x/mod", w.xmod)
	t.Run("torchwood", w.torchwood)
	t.Run("Tessera's client", w.tesseraClient)
	t.Run("Tessera's fsck", w.fsck)
	t.Run("tlog-proof", w.tlogProof)
	t.Run("consistency", w.consistency)
}

// checkpoint opens the published checkpoint with x/mod's note and torchwood's parser.
func (w *live) checkpoint(t *testing.T) (tlog.Tree, torchwood.Checkpoint) {
	t.Helper()
	status, header, body := w.get("/checkpoint")
	if status != http.StatusOK || header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Fatalf("%d %v", status, header)
	}
	opened, err := note.Open(body, note.VerifierList(w.key))
	if err != nil {
		t.Fatal(err)
	}
	c, err := torchwood.ParseCheckpoint(opened.Text)
	if err != nil {
		t.Fatal(err)
	}
	return tlog.Tree{N: c.N, Hash: c.Hash}, c
}

// xmod authenticates tiles with tlog.TileHashReader, and with them records and consistency.
func (w *live) xmod(t *testing.T) {
	tree, _ := w.checkpoint(t)
	hashes := tlog.TileHashReader(tree, tileReader{t, w})
	for _, index := range []int64{0, 1, 255, 256, 511, tree.N - 1} {
		leaf := w.leaf(t, index)
		p, err := tlog.ProveRecord(tree.N, index, hashes)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckRecord(p, tree.N, tree.Hash, index, tlog.RecordHash(leaf)); err != nil {
			t.Errorf("entry %d: %v", index, err)
		}
	}
	for _, n := range []int64{1, 256, 257, 512, tree.N} {
		if _, err := tlog.TreeHash(n, hashes); err != nil {
			t.Errorf("the tree of %d entries: %v", n, err)
		}
	}
}

func (w *live) leaf(t *testing.T, index int64) []byte {
	t.Helper()
	status, header, leaf := w.get(fmt.Sprintf("/v1/entries/%d", index), "Accept", "application/octet-stream")
	if status != http.StatusOK || header.Get("Content-Type") != "application/octet-stream" {
		t.Fatalf("%d %v %s", status, header, leaf)
	}
	return leaf
}

// tileReader reads tiles for x/mod, whose paths for them differ.
type tileReader struct {
	t *testing.T
	w *live
}

func (r tileReader) Height() int                     { return 8 }
func (r tileReader) SaveTiles([]tlog.Tile, [][]byte) {}
func (r tileReader) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range tiles {
		status, header, b := r.w.get("/" + torchwood.TilePath(tile))
		if status != http.StatusOK {
			return nil, fmt.Errorf("%s: %d %s", torchwood.TilePath(tile), status, b)
		}
		want := "public, max-age=60"
		if tile.W == 256 {
			want = immutable
		}
		if got := header.Get("Cache-Control"); got != want {
			r.t.Errorf("%s has the cache header %q", torchwood.TilePath(tile), got)
		}
		data = append(data, b)
	}
	return data, nil
}

// torchwood reads every entry, and single ones with their proofs.
func (w *live) torchwood(t *testing.T) {
	tree, _ := w.checkpoint(t)
	fetcher, err := torchwood.NewTileFetcher(w.server.URL, torchwood.WithHTTPClient(w.server.Client()))
	if err != nil {
		t.Fatal(err)
	}
	c, err := torchwood.NewClient(fetcher)
	if err != nil {
		t.Fatal(err)
	}
	next := int64(0)
	for index, leaf := range c.AllEntries(t.Context(), tree, 0) {
		if index != next {
			t.Fatalf("got entry %d, want %d", index, next)
		}
		if _, err := event.DecodeLeaf(leaf); err != nil {
			t.Fatal(err)
		}
		next++
	}
	if err := c.Err(); err != nil || next != tree.N {
		t.Errorf("read %d of %d entries: %v", next, tree.N, err)
	}
	leaf, p, err := c.Entry(t.Context(), tree, 300)
	if err != nil {
		t.Fatal(err)
	}
	if err := tlog.CheckRecord(p, tree.N, tree.Hash, 300, tlog.RecordHash(leaf)); err != nil {
		t.Error(err)
	}
}

func (w *live) tessera(t *testing.T) *client.HTTPFetcher { return w.tesseraAt(t, w.server.URL) }

func (w *live) tesseraAt(t *testing.T, at string) *client.HTTPFetcher {
	t.Helper()
	root, err := url.Parse(at + "/")
	if err != nil {
		t.Fatal(err)
	}
	fetcher, err := client.NewHTTPFetcher(root, w.server.Client())
	if err != nil {
		t.Fatal(err)
	}
	return fetcher
}

// tesseraClient builds proofs out of tiles.
func (w *live) tesseraClient(t *testing.T) {
	fetcher := w.tessera(t)
	checkpoint, _, _, err := client.FetchCheckpoint(t.Context(), fetcher.ReadCheckpoint, w.key, liveOrigin)
	if err != nil {
		t.Fatal(err)
	}
	builder, err := client.NewProofBuilder(t.Context(), checkpoint.Size, fetcher.ReadTile)
	if err != nil {
		t.Fatal(err)
	}
	for _, index := range []uint64{0, 255, 256, checkpoint.Size - 1} {
		p, err := builder.InclusionProof(t.Context(), index)
		if err != nil {
			t.Fatal(err)
		}
		hash := rfc6962.DefaultHasher.HashLeaf(w.leaf(t, int64(index)))
		if err := merkle.VerifyInclusion(rfc6962.DefaultHasher, index, checkpoint.Size, hash, p, checkpoint.Hash); err != nil {
			t.Errorf("entry %d: %v", index, err)
		}
	}
	bundle, err := client.GetEntryBundle(t.Context(), fetcher.ReadEntryBundle, 1, checkpoint.Size)
	if err != nil {
		t.Fatal(err)
	}
	if len(bundle.Entries) != 256 || !bytes.Equal(bundle.Entries[7], w.leaf(t, 263)) {
		t.Errorf("bundle 1 has %d entries", len(bundle.Entries))
	}
}

// tlogProof reads proofs by the library of transparency-dev, and compares them with our JSON.
func (w *live) tlogProof(t *testing.T) {
	for _, index := range []int64{0, 3, 255, 256, 600} {
		status, header, text := w.get(fmt.Sprintf("/v1/entries/%d/proof", index))
		if status != http.StatusOK || header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Fatalf("%d %v %s", status, header, text)
		}
		var p proof.TLogProof
		if err := p.Unmarshal(text); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(p.Marshal(), text) {
			t.Errorf("the library writes it another way:\n%s\nthan we:\n%s", p.Marshal(), text)
		}
		opened, err := note.Open(p.Checkpoint, note.VerifierList(w.key))
		if err != nil {
			t.Fatal(err)
		}
		c, err := torchwood.ParseCheckpoint(opened.Text)
		if err != nil {
			t.Fatal(err)
		}
		hashes := make([][]byte, len(p.Hashes))
		for i := range p.Hashes {
			hashes[i] = p.Hashes[i][:]
		}
		hash := rfc6962.DefaultHasher.HashLeaf(w.leaf(t, index))
		if err := merkle.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), uint64(c.N), hash, hashes, c.Hash[:]); err != nil || int64(p.Index) != index {
			t.Errorf("entry %d: %v", index, err)
		}
	}
}

// consistency holds our proofs against transparency-dev/merkle, between the sizes of published checkpoints and others.
func (w *live) consistency(t *testing.T) {
	tree, _ := w.checkpoint(t)
	hashes := tlog.TileHashReader(tree, tileReader{t, w})
	for _, pair := range [][2]int64{{1, 2}, {3, tree.N}, {255, 256}, {256, 257}, {100, 700}, {tree.N, tree.N}} {
		status, _, body := w.get(fmt.Sprintf("/v1/consistency?from=%d&to=%d", pair[0], pair[1]))
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		var answer struct{ Hashes []event.Digest }
		if err := jsonInto(body, &answer); err != nil {
			t.Fatal(err)
		}
		var p [][]byte
		for i := range answer.Hashes {
			p = append(p, answer.Hashes[i][:])
		}
		from, err1 := tlog.TreeHash(pair[0], hashes)
		to, err2 := tlog.TreeHash(pair[1], hashes)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if err := merkle.VerifyConsistency(rfc6962.DefaultHasher, uint64(pair[0]), uint64(pair[1]), p, from[:], to[:]); err != nil {
			t.Errorf("from %d to %d: %v", pair[0], pair[1], err)
		}
	}
}
