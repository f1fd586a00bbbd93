package web

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/web/webtest"
)

func TestOverview(t *testing.T) {
	log := webtest.Full(t)
	v := newLive(t, log)
	for target, wants := range map[string][]string{
		"/": {"of 117 events that can be", "2 of 3", "30 days</a>", `<a href="/entries?kind=data-access">Data access</a>`, "gateway/eu-1", "witness.regulator.example", "Newest entries",
			"silent for longer than twice", "The same as a table", "none is overdue", "UNTRUSTED keys", "whoever has the secrets of that could forge proofs"},
		"/?span=13+weeks": {"each week", ` to `},
		"/?span=a+year":   {"each week"},
	} {
		res, body := get(t, v.routes(), "GET", target)
		if res.StatusCode != 200 {
			t.Fatalf("%s: status %d:\n%s", target, res.StatusCode, body)
		}
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("%s: the page lacks %q", target, want)
			}
		}
	}
	if res, _ := get(t, v.routes(), "GET", "/?span=ages"); res.StatusCode != 400 {
		t.Errorf("a span that there is none of: status %d", res.StatusCode)
	}
	t.Run("what is counted is what is there", func(t *testing.T) {
		p, err := v.look(t.Context(), spans[0])
		if err != nil {
			t.Fatal(err)
		}
		var all, days int64
		for _, k := range p.Kinds {
			all += k.Parts.Total()
		}
		for _, d := range p.Days {
			days += d.Parts.Total()
		}
		if all != p.Size || days != p.Size {
			t.Errorf("%d entries, %d by kind, %d by day", p.Size, all, days)
		}
	})
	t.Run("a source is overdue", func(t *testing.T) {
		later, err := newViewer(Config{Log: log.Connect(), Now: func() time.Time { return time.Now().AddDate(0, 0, 30) }})
		if err != nil {
			t.Fatal(err)
		}
		_, body := get(t, later.routes(), "GET", "/")
		for _, want := range []string{"overdue", `<tr class="bad">`, "silent for longer than twice its longest pause", "What the log itself says"} {
			if !strings.Contains(body, want) {
				t.Errorf("the page lacks %q", want)
			}
		}
	})
	t.Run("an empty log", func(t *testing.T) {
		res, body := get(t, newLive(t, webtest.Empty(t)).routes(), "GET", "/")
		if res.StatusCode != 200 || !strings.Contains(body, "This log is empty.") {
			t.Errorf("status %d:\n%s", res.StatusCode, body)
		}
	})
}

// lonely is a log that nobody cosigns.
type lonely struct{ Log }

func (lonely) Witnesses(context.Context) (*client.Witnesses, error) {
	return &client.Witnesses{Quorum: "none"}, nil
}

func TestNobodyCosigns(t *testing.T) {
	v, err := newViewer(Config{Log: lonely{webtest.Full(t).Connect()}})
	if err != nil {
		t.Fatal(err)
	}
	if _, body := get(t, v.routes(), "GET", "/"); !strings.Contains(body, "the operator’s word here") {
		t.Error("the page doesn't say that nobody watches the log")
	}
}

// TestGlance: everybody gets the same answer for a moment, and a new one after it.
func TestGlance(t *testing.T) {
	at := noon
	v := newPaper(t, func(c *Config, p *paperLog) { c.Now = func() time.Time { return at } })
	asked := 0
	v.log = &counting{Log: v.log, asked: &asked}
	for i, want := range []int{1, 1, 2} {
		if i == 2 {
			at = at.Add(glanceKept)
		}
		if res, body := get(t, v.routes(), "GET", "/"); res.StatusCode != 200 || asked != want {
			t.Fatal(fmt.Sprintf("request %d: status %d, the log was asked %d times, want %d", i, res.StatusCode, asked, want), body)
		}
	}
}

type counting struct {
	Log
	asked *int
}

func (c *counting) Summary(context.Context, int) (*client.Summary, error) {
	*c.asked++
	return &client.Summary{}, nil
}

func (c *counting) Witnesses(context.Context) (*client.Witnesses, error) {
	return &client.Witnesses{}, nil
}
