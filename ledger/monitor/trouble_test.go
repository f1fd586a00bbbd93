package monitor_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/attestlog/attestlog/ledger/monitor"
)

// TestPassingTrouble has a log hide its tiles now and then, never for long.
func TestPassingTrouble(t *testing.T) {
	k := newLogKey(t)
	h, data := founded(t, k)
	h.accesses(data, 300)
	log := serveLog(t, h.branch().shows(200))
	w := watch(t, k, log.URL)
	w.round()
	h.accesses(data, 10)
	for range 3 { // each time shorter than patience, together longer
		bad := h.branch().shows(h.size())
		bad.bend = func(path string, b []byte) []byte {
			if strings.HasPrefix(path, "tile/") {
				return nil
			}
			return b
		}
		log.show(bad)
		w.round()
		if s := w.status(); len(s.Trouble) != 1 || !strings.HasPrefix(s.Trouble[0], "withheld") {
			t.Fatalf("the trouble is %q", s.Trouble)
		}
		w.clock.move(40 * time.Second)
		log.show(h.branch().shows(h.size()))
		w.round()
		if s := w.status(); len(s.Trouble) != 0 {
			t.Fatalf("there is still trouble: %q", s.Trouble)
		}
		h.accesses(data, 10)
	}
	w.wantAlarms()
}

func TestPartialTilesThatAreGone(t *testing.T) {
	k := newLogKey(t)
	h, data := founded(t, k)
	h.accesses(data, 300)
	v := h.shows(100)
	v.bend = func(path string, b []byte) []byte { // the log has grown meanwhile, and dropped what was partial
		if strings.Contains(path, ".p/") {
			return nil
		}
		if strings.HasPrefix(path, "tile/") {
			return h.tile(path, h.size())
		}
		return b
	}
	w := watch(t, k, serveLog(t, v).URL)
	w.round()
	w.wantSize(100)
}

func TestHugeAnswersAreCut(t *testing.T) {
	k := newLogKey(t)
	h, data := founded(t, k)
	h.accesses(data, 3)
	v := h.shows(h.size())
	v.bend = func(path string, b []byte) []byte {
		if strings.HasPrefix(path, "tile/0/") || path == "checkpoint" && v.head != nil {
			return bytes.Repeat([]byte("x"), 100<<20)
		}
		return b
	}
	w := watch(t, k, serveLog(t, v).URL)
	w.cfg.Unreachable = time.Minute
	w.again()
	w.lasting()
	w.wantAlarms(monitor.Withheld)
}

// TestTwoSources has two places serve one log, and then two.
func TestTwoSources(t *testing.T) {
	k := newLogKey(t)
	h, data := founded(t, k)
	h.accesses(data, 100)
	here, there := serveLog(t, h.branch().shows(80)), serveLog(t, h.branch().shows(100))
	w := watch(t, k, here.URL, there.URL)
	w.round()
	w.wantSize(100)
	w.wantAlarms()
	f := cut(h, 60)
	f.accesses(data, 70)
	here.show(f.shows(f.size()))
	w.round()
	w.wantAlarms(monitor.Rewrite)
	w.wantFork(w.alarms()[0], k)
}
