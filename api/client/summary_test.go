package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
)

func TestSummary(t *testing.T) {
	w := startLive(t)
	c, err := client.New(w.url, client.Options{LogKey: w.public})
	if err != nil {
		t.Fatal(err)
	}
	var s *client.Summary
	eventually(t, "all is counted and published", func() bool {
		s, err = c.Summary(t.Context(), 30)
		return err != nil || s.Counted == 2 && s.Head != nil && s.Head.Size == 2
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Kinds) != 1 || s.Kinds[0].Kind != event.Source || s.Kinds[0].Claimed != 2 || s.Kinds[0].Total() != 2 || !s.Kinds[0].Day.IsZero() {
		t.Errorf("by kind: %+v", s.Kinds)
	}
	if len(s.Days) != 1 || s.Days[0].Total() != 2 || s.Days[0].Day.IsZero() || s.Size != 2 {
		t.Errorf("by day: %+v of %d", s.Days, s.Size)
	}
	if string(s.Head.Note) != string(c.Head()) {
		t.Error("the head was not held against those that were seen")
	}
}

// What is no summary is an alarm.
func TestSummaryThatIsNone(t *testing.T) {
	const none = `"claimed":1,"kind":"source","proven":0,"refused":0,"waiting":0}`
	for name, body := range map[string]string{
		"no JSON":                      `{`,
		"no such kind":                 `{"counted":1,"days":[],"kinds":[{"claimed":1,"kind":"nonsense"}],"size":1}`,
		"no such day":                  `{"counted":1,"days":[{"day":"today",` + none + `],"kinds":[],"size":1}`,
		"a head that nobody signed":    `{"counted":1,"days":[],"head":{"checkpoint":"x","published":1},"kinds":[],"size":1}`,
		"a number where a string goes": `{"counted":1,"days":[{"day":3,` + none + `],"kinds":[],"size":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/v1/summary" || r.URL.RawQuery != "days=7" {
					t.Errorf("asked for %s", r.URL)
				}
				_, _ = strings.NewReader(body).WriteTo(rw)
			}))
			defer server.Close()
			c, err := client.New(server.URL, client.Options{LogKey: newMemLog(t).public})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Summary(t.Context(), 7); !errors.As(err, new(*client.Alarm)) {
				t.Errorf("got %v", err)
			}
		})
	}
}
