package api

import (
	"encoding/base64"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"
	"golang.org/x/mod/sumdb/tlog"
)

// The read path of C2SP tlog-tiles (https://c2sp.org/tlog-tiles), at the root, where every client of such logs looks for it.

// tileHeight is tlog-tiles' only one: 2^8 hashes or entries to a tile.
const tileHeight = 8

// getCheckpoint serves the newest published head, a signed note. A cache may hold it no longer than it takes the log to publish another.
func (s *server) getCheckpoint(w http.ResponseWriter, r *http.Request) {
	head, ok := s.ledger.Published()
	if !ok {
		s.fail(w, r, notFoundf("The log has not published a checkpoint yet: try again in a few seconds."))
		return
	}
	sendBytes(w, "text/plain; charset=utf-8", "public, max-age=1", head.Note)
}

// getTile serves /tile/<L>/<N>[.p/<W>]: hashes.
func (s *server) getTile(w http.ResponseWriter, r *http.Request) {
	tile, err := parseTile("tile/8/" + chi.URLParam(r, "*"))
	if err != nil || tile.L < 0 {
		s.fail(w, r, notFoundf("This is no path of a tile: see https://c2sp.org/tlog-tiles."))
		return
	}
	b, err := s.ledger.Tile(r.Context(), tile.L, tile.N, tile.W)
	s.sendTile(w, r, tile, b, err)
}

// getBundle serves /tile/entries/<N>[.p/<W>]: leaves.
func (s *server) getBundle(w http.ResponseWriter, r *http.Request) {
	tile, err := parseTile("tile/8/data/" + chi.URLParam(r, "*"))
	if err != nil {
		s.fail(w, r, notFoundf("This is no path of an entry bundle: see https://c2sp.org/tlog-tiles."))
		return
	}
	b, err := s.ledger.Bundle(r.Context(), tile.N, tile.W)
	s.sendTile(w, r, tile, b, err)
}

// parseTile reads a tile's path in the form of golang.org/x/mod, which differs from that of tlog-tiles in its prefix only: a
// height, and "data" for "entries". It takes the one canonical path of each tile.
func parseTile(path string) (tlog.Tile, error) {
	tile, err := tlog.ParseTilePath(path)
	if err == nil && (tile.H != tileHeight || tile.L > 63) {
		err = notFoundf("There are no tiles of this height.")
	}
	return tile, err
}

// sendTile sends a tile. Full ones never change; a partial one doesn't either, but is soon of no use.
func (s *server) sendTile(w http.ResponseWriter, r *http.Request, tile tlog.Tile, b []byte, err error) {
	if err != nil {
		s.fail(w, r, err)
		return
	}
	cache := immutable
	if tile.W < 1<<tileHeight {
		cache = "public, max-age=60"
	}
	sendBytes(w, octetStream, cache, b)
}

// appendTlogProof appends a transparency log proof (https://c2sp.org/tlog-proof@v1): index, RFC 6962 inclusion proof, checkpoint.
func appendTlogProof(b []byte, index int64, hashes [][32]byte, checkpoint []byte) []byte {
	b = append(b, "c2sp.org/tlog-proof@v1\nindex "...)
	b = strconv.AppendInt(b, index, 10)
	b = append(b, '\n')
	for i := range hashes {
		b = base64.StdEncoding.AppendEncode(b, hashes[i][:])
		b = append(b, '\n')
	}
	b = append(b, '\n')
	return append(b, checkpoint...)
}
