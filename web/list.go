package web

import (
	"bytes"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5/middleware"

	"github.com/attestlog/attestlog/ledger/monitor/status"
)

// Listed is one of several logs that a program shows, each with pages at a port of its own: so that what a browser keeps about one is
// no other's.
type Listed struct {
	Origin string
	Port   int // of the same host; 0 for a log without pages
}

// listed is a log as the list shows it.
type listed struct {
	Listed
	Href     string
	Standing status.Standing
	Raised   int64
	Damning  bool // there is an alarm that no honest log can be the cause of
}

// NewList makes the page that leads to the pages of each of several logs, which a monitor in this process follows. now is time.Now if nil.
func NewList(logs []Listed, w Watcher, now func() time.Time) (http.Handler, error) {
	v := &viewer{now: now}
	if v.now == nil {
		v.now = time.Now
	}
	var err error
	if v.assets, err = newAssets(staticFiles, nil); err != nil {
		return nil, err
	}
	if v.templates, err = parseTemplates(v.funcs()); err != nil {
		return nil, err
	}
	logs = slices.SortedFunc(slices.Values(logs), func(a, b Listed) int { return strings.Compare(a.Origin, b.Origin) })
	mux := http.NewServeMux()
	mux.HandleFunc("GET /static/{hash}/{name...}", func(rw http.ResponseWriter, r *http.Request) {
		v.assets.send(rw, r, r.PathValue("hash"), r.PathValue("name"))
	})
	mux.Handle("GET /{$}", middleware.Compress(5, "text/html")(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		report := w.Report("")
		rows := make([]listed, len(logs))
		for i, l := range logs {
			standing, _ := report.Of(l.Origin)
			rows[i] = listed{Listed: l, Href: beside(r, l.Port), Standing: standing, Raised: standing.Raised(),
				Damning: slices.ContainsFunc(standing.Alarms, func(a status.Alarm) bool { return damning(a.Kind) })}
		}
		var page bytes.Buffer
		if err := v.templates["logs.html"].ExecuteTemplate(&page, "list", rows); err != nil {
			http.Error(rw, "The list of logs can't be shown.", http.StatusInternalServerError)
			return
		}
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		rw.Header().Set("Cache-Control", "no-cache")
		_, _ = rw.Write(page.Bytes())
	})))
	return secure(mux), nil
}

// beside is the address of another port of the host that a request names; empty for none.
func beside(r *http.Request, port int) string {
	if port == 0 {
		return ""
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = strings.Trim(r.Host, "[]")
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(port)) + "/"
}
