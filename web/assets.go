package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"

	"github.com/attestlog/attestlog/web/verifier"
)

//go:embed static
var staticFiles embed.FS

// assets are the files that pages load. One hash over all of them stands in their addresses, so that they never change there, and
// so that scripts find each other by relative addresses.
type assets struct {
	version string
	files   map[string]*asset
}

type asset struct {
	contentType string
	plain       []byte
	packed      func() []byte          // compressed with gzip, made when first asked for; nil where that would not help
	brotli      []byte                 // compressed better, where somebody did so; else nil
	unpacked    func() ([]byte, error) // in place of plain, where only few ask for it; else nil
}

// contentTypes are those of the files in static; mime's own table differs between systems.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".wasm": "application/wasm",
	".html": "text/html; charset=utf-8", ".json": "application/json",
}

func newAssets(from fs.FS, v *verifier.Verifier) (*assets, error) {
	a := &assets{files: map[string]*asset{}}
	sum := sha256.New()
	err := fs.WalkDir(from, "static", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		plain, err := fs.ReadFile(from, file)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(file, "static/")
		fmt.Fprintf(sum, "%d %s %d\n", len(name), name, len(plain))
		sum.Write(plain)
		a.files[name] = newAsset(name, plain)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read the viewer's files: %w", err)
	}
	if v != nil {
		sum.Write(v.Gzip)
		a.files["verify/wasm_exec.js"] = newAsset("wasm_exec.js", v.Glue)
		packed := sync.OnceValues(v.Wasm)
		a.files["verify/"+verifier.Name] = &asset{contentType: contentTypes[".wasm"], brotli: v.Brotli, packed: func() []byte { return v.Gzip },
			unpacked: packed}
	}
	a.version = hex.EncodeToString(sum.Sum(nil)[:8])
	return a, nil
}

// accepts tells whether an Accept-Encoding names a coding. No browser names one to say that it doesn't want it.
func accepts(header, coding string) bool {
	for one := range strings.SplitSeq(header, ",") {
		if name, _, _ := strings.Cut(one, ";"); strings.TrimSpace(name) == coding {
			return true
		}
	}
	return false
}

func newAsset(name string, plain []byte) *asset {
	kind := contentTypes[path.Ext(name)]
	if kind == "" {
		kind = mime.TypeByExtension(path.Ext(name))
	}
	if kind == "" {
		kind = "application/octet-stream"
	}
	return &asset{contentType: kind, plain: plain, packed: sync.OnceValue(func() []byte {
		var packed bytes.Buffer
		z, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
		_, _ = z.Write(plain) // into memory
		if z.Close() != nil || packed.Len() >= len(plain) {
			return nil
		}
		return packed.Bytes()
	})}
}

// url is the address of an asset. A name that isn't there is a mistake in a template, and fails the page.
func (a *assets) url(name string) (string, error) {
	if a.files[name] == nil {
		return "", fmt.Errorf("there is no file %q among the viewer's", name)
	}
	return "/static/" + a.version + "/" + name, nil
}

func (a *assets) serve(w http.ResponseWriter, r *http.Request) {
	a.send(w, r, chi.URLParam(r, "hash"), chi.URLParam(r, "*"))
}

// send answers with a file by the two parts of its address.
func (a *assets) send(w http.ResponseWriter, r *http.Request, hash, name string) {
	file := a.files[name]
	if file == nil || hash != a.version {
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "There is no such file: reload the page.", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", file.contentType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	body := file.plain
	accepted := r.Header.Get("Accept-Encoding")
	if packed := file.packed; file.brotli != nil && accepts(accepted, "br") {
		h.Set("Content-Encoding", "br")
		body = file.brotli
	} else if accepts(accepted, "gzip") && packed() != nil {
		h.Set("Content-Encoding", "gzip")
		body = packed()
	} else if file.unpacked != nil {
		var err error
		if body, err = file.unpacked(); err != nil {
			http.Error(w, "The file can't be unpacked.", http.StatusInternalServerError)
			return
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}
