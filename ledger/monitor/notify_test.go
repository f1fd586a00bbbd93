package monitor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/attestlog/attestlog/ledger/monitor"
)

// hook is a webhook that takes notes.
type hook struct {
	*httptest.Server
	got chan map[string]any
}

func newHook(t testing.TB, fail int) *hook {
	h := &hook{got: make(chan map[string]any, 100)}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fail--; fail >= 0 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		var m map[string]any
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		h.got <- m
	}))
	t.Cleanup(h.Close)
	return h
}

// run runs a monitor until the returned function is called.
func (w *watcher) run() (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	return func() {
		w.t.Helper()
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	}
}

func (h *hook) next(t testing.TB) map[string]any {
	t.Helper()
	select {
	case m := <-h.got:
		return m
	case <-time.After(30 * time.Second):
		t.Fatal("the webhook is told nothing")
		return nil
	}
}

func TestWebhook(t *testing.T) {
	k := newLogKey(t)
	h, data := founded(t, k)
	h.accesses(data, 250)
	h.say("nobody/1", access(data))
	log := serveLog(t, h.branch().shows(h.size()))
	w := watch(t, k, log.URL)
	deaf, hears := newHook(t, 1<<30), newHook(t, 1)
	w.cfg.Watches = []monitor.Watch{{Name: "gateway", Source: "gateway/1", Kind: "data-access"}, {Name: "data", Kind: "dataset"}, {Name: "other", Log: "other", Kind: "dataset"}}
	w.cfg.Webhook = &monitor.Webhook{URL: deaf.URL, Client: deaf.Client()}
	w.again()
	w.round()
	w.wantAlarms("unknown-source")
	// Whoever wasn't told before a restart is told after it.
	w.cfg.Webhook = &monitor.Webhook{URL: hears.URL, Client: hears.Client()}
	w.again()
	stop := w.run()
	alarm := hears.next(t)
	if alarm["type"] != "alarm" || alarm["alarm"].(map[string]any)["id"] != w.alarms()[0].ID {
		t.Errorf("the webhook is told %v", alarm)
	}
	var indices []string
	for len(indices) < 251 {
		m := hears.next(t)
		if m["type"] != "matches" {
			t.Fatalf("the webhook is told %v", m)
		}
		for _, match := range m["matches"].([]any) {
			x := match.(map[string]any)
			indices = append(indices, fmt.Sprintf("%s %v", x["watch"], x["index"]))
		}
	}
	stop()
	if len(indices) != 251 || indices[0] != "data 4" || indices[1] != "gateway 5" || indices[250] != "gateway 254" {
		t.Errorf("the matches are %q", indices)
	}
	// What is new is told, and perhaps once more what was told when the monitor ended.
	w.again()
	stop = w.run()
	h.say("controller/1", access(data))
	h.accesses(data, 1)
	log.show(h.branch().shows(h.size()))
	w.round()
	for told := 0; ; told++ {
		m := hears.next(t)
		matches := m["matches"].([]any)
		if at := matches[len(matches)-1].(map[string]any)["index"]; at == float64(h.size()-1) {
			break
		}
		if told == 1 {
			t.Fatalf("the webhook is told %v", m)
		}
	}
	stop()
}

func TestWatchLists(t *testing.T) {
	if w, err := monitor.ParseWatches([]byte(`{"watches":[{"name":"a","kind":"data-access"},{"name":"b","source":"gateway/1","subject":"x"}]}`)); err != nil || len(w) != 2 {
		t.Errorf("a good list: %v, %v", w, err)
	}
	for name, bad := range map[string]string{
		"nothing":         ``,
		"unknown members": `{"watches":[{"name":"a","kinds":"data-access"}]}`,
		"two of them":     `{"watches":[]} {}`,
		"no name":         `{"watches":[{"kind":"data-access"}]}`,
		"a long name":     `{"watches":[{"name":"` + strings.Repeat("x", 1<<10+1) + `","kind":"dataset"}]}`,
		"everything":      `{"watches":[{"name":"a"}]}`,
		"no kind":         `{"watches":[{"name":"a","kind":"access"}]}`,
		"no source":       `{"watches":[{"name":"a","source":"gateway"}]}`,
		"no statement":    `{"watches":[{"name":"a","statement":"12"}]}`,
		"too long":        `{"watches":[{"name":"` + strings.Repeat("x", 1<<20) + `"}]}`,
		"too many":        `{"watches":[{"name":"a","kind":"dataset"}` + strings.Repeat(`,{"name":"a","kind":"dataset"}`, 1000) + `]}`,
	} {
		if w, err := monitor.ParseWatches([]byte(bad)); err == nil {
			t.Errorf("%s: accepted as %v", name, w)
		}
	}
}
