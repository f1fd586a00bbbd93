package web

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed templates
var templateFiles embed.FS

// content is what a handler gives to be rendered.
type content struct {
	Title string // of the page, in plain text
	Data  any    // for the template
	// Script is the name of an asset that the page loads as a module; empty for none.
	Script string
	status int // 200 if 0
}

// layout is what the template around every page sees.
type layout struct {
	content
	Origin string
	Notice string
	Nav    []navGroup
	Head   headLine
	Alarms []Alarm
}

// Shown tells whether one of the alarms rests on what this viewer checked itself, and not on a monitor's word alone.
func (l layout) Shown() bool {
	return slices.ContainsFunc(l.Alarms, func(a Alarm) bool { return a.Checked || a.Monitor == thisViewer })
}

// thisViewer is who raised the viewer's own alarms.
const thisViewer = "This viewer"

// parseTemplates reads every page's template, each with the layout and the parts that all share.
func parseTemplates(funcs template.FuncMap) (map[string]*template.Template, error) {
	shared, err := template.New("").Funcs(funcs).ParseFS(templateFiles, "templates/layout.html", "templates/parts*.html")
	if err != nil {
		return nil, fmt.Errorf("couldn't parse the layout: %w", err)
	}
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	templates := map[string]*template.Template{}
	for _, file := range files {
		name := path.Base(file)
		if name == "layout.html" || strings.HasPrefix(name, "parts") {
			continue
		}
		t, err := shared.Clone()
		if err == nil {
			_, err = t.ParseFS(templateFiles, file)
		}
		if err != nil {
			return nil, fmt.Errorf("couldn't parse the page %s: %w", name, err)
		}
		templates[name] = t
	}
	return templates, nil
}

// render answers with a page, whole or not at all.
func (v *viewer) render(w http.ResponseWriter, r *http.Request, name string, c content) error {
	t := v.templates[name]
	if t == nil {
		return &failure{status: http.StatusInternalServerError, err: fmt.Errorf("there is no template %s", name)}
	}
	head, alarms := v.newest.line(r.Context(), v)
	l := layout{content: c, Origin: v.log.Origin(), Notice: v.notice, Nav: navigation(r.URL.Path), Head: head,
		Alarms: append(alarms, v.watch.alarms(r.Context())...)}
	var page bytes.Buffer
	if err := t.ExecuteTemplate(&page, "layout", l); err != nil {
		return &failure{status: http.StatusInternalServerError, err: fmt.Errorf("couldn't render %s: %w", name, err)}
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	if c.status != 0 {
		w.WriteHeader(c.status)
	}
	_, _ = w.Write(page.Bytes())
	return nil
}

// sendJSON answers with JSON for programs.
func sendJSON(w http.ResponseWriter, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return &failure{status: http.StatusInternalServerError, err: fmt.Errorf("couldn't write the answer: %w", err)}
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-cache")
	_, _ = w.Write(append(b, '\n'))
	return nil
}

// download answers with a file that the browser is to save.
func download(w http.ResponseWriter, contentType, name string, file []byte) error {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Content-Length", strconv.Itoa(len(file)))
	h.Set("Cache-Control", "no-cache")
	_, _ = w.Write(file)
	return nil
}
