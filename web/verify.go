package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
)

// The verifier in the browser lies in static/verify, and its WebAssembly beside it (package verifier). A page of an entry or a head has it with
//
//	<div class="actions" data-verify="/entries/7/bundle">{{template "verify" .}}</div>
//
// around whose button the address of the evidence stands; what comes of it is shown behind that element. Apart from that address, the scripts
// fetch the log's key (below), notes of heads, and hashes between heads (heads.go).

// verifyData is what the page for files sees, here and saved.
type verifyData struct {
	Key     string // the log's
	Missing string // why there is no verifier, where there is none
	Offline bool
	Wasm    int // bytes of the verifier, as it is loaded
}

func (v *viewer) verifyData() verifyData {
	d := verifyData{Key: v.log.VKey()}
	if v.verifier == nil {
		d.Missing = v.verifierMissing.Error()
	} else {
		d.Wasm = len(v.verifier.Brotli)
	}
	return d
}

// verifyPage checks files that a reader has.
func (v *viewer) verifyPage(w http.ResponseWriter, r *http.Request) error {
	c := content{Title: "Verify evidence", Data: v.verifyData()}
	if v.verifier != nil {
		c.Script = "verify/file.js"
	}
	return v.render(w, r, "verify.html", c)
}

// logKey is the log's key, as this server knows it.
func (v *viewer) logKey(w http.ResponseWriter, _ *http.Request) error {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	_, _ = w.Write([]byte(v.log.VKey() + "\n"))
	return nil
}

// offlineScripts are the modules of the page that is saved, each before those that use it.
var offlineScripts = []string{"engine.js", "trust.js", "show.js", "held.js", "memory.js", "report.js", "file.js"}

// offlinePage is the page for files as one file, with the verifier in it: saved, it works without any server. The same program gives the
// same bytes for the same log.
func (v *viewer) offlinePage(w http.ResponseWriter, _ *http.Request) error {
	if v.verifier == nil {
		return &failure{status: http.StatusServiceUnavailable, title: "Without a verifier", detail: v.verifierMissing.Error() + "."}
	}
	page, err := v.offline()
	if err != nil {
		return &failure{status: http.StatusInternalServerError, err: err}
	}
	return download(w, "text/html; charset=utf-8", "attestlog-verify.html", page)
}

// makeOffline puts the page together.
func (v *viewer) makeOffline() ([]byte, error) {
	script, err := joinModules(staticFiles, offlineScripts)
	if err != nil {
		return nil, err
	}
	worker, err := fs.ReadFile(staticFiles, "static/verify/worker.js")
	if err != nil {
		return nil, err
	}
	worker = append(append(bytes.Clone(v.verifier.Glue), '\n'), worker...)
	var style []byte
	for _, name := range []string{"static/style.css", "static/verify/verify.css"} {
		b, err := fs.ReadFile(staticFiles, name)
		if err != nil {
			return nil, err
		}
		style = append(style, b...)
	}
	for what, text := range map[string][]byte{"</script": append(append([]byte(nil), script...), worker...), "<!--": append(append([]byte(nil), script...), worker...), "</style": style} {
		if bytes.Contains(bytes.ToLower(text), []byte(what)) {
			return nil, fmt.Errorf("couldn't put the page together: a file has %q in it", what)
		}
	}
	data := v.verifyData()
	data.Offline = true
	var page bytes.Buffer
	err = v.templates["offline.html"].ExecuteTemplate(&page, "offline", struct {
		verifyData
		Origin         string
		Policy         string
		Style          template.CSS
		Script         template.JS
		Worker, Packed template.HTML // in scripts that are none: the browser leaves them as they are, and so must the template
	}{
		verifyData: data, Origin: v.log.Origin(),
		Policy: "default-src 'none'; script-src '" + sourceHash(script) + "' 'wasm-unsafe-eval'; style-src '" + sourceHash(style) + "'; worker-src blob:; img-src data:; form-action 'none'; base-uri 'none'",
		Style:  template.CSS(style), Script: template.JS(script), Worker: template.HTML(worker), // our own files, and looked through above
		Packed: template.HTML(base64.StdEncoding.EncodeToString(v.verifier.Gzip)),
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't put the page together: %w", err)
	}
	return page.Bytes(), nil
}

// sourceHash names a text in a Content-Security-Policy.
func sourceHash(text []byte) string {
	sum := sha256.Sum256(text)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// joinModules makes one module of several that import from each other alone, each in a scope of its own.
func joinModules(from fs.FS, names []string) ([]byte, error) {
	var out bytes.Buffer
	for _, name := range names {
		b, err := fs.ReadFile(from, "static/verify/"+name)
		if err != nil {
			return nil, err
		}
		module, err := scoped(name, string(b))
		if err != nil {
			return nil, fmt.Errorf("couldn't join %s: %w", name, err)
		}
		out.WriteString(module)
	}
	return out.Bytes(), nil
}
