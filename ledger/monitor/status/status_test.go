package status_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/attestlog/attestlog/ledger/monitor/status"
)

// report is one with everything in it.
func report() *status.Report {
	index := int64(7)
	return &status.Report{Version: "v1.2.3", Time: 1_800_000_000_000, Since: 1_700_000_000_000,
		Logs: []status.Standing{{Log: "log.example", Since: 1, Law: true, Size: 9, Head: "log.example\n9\n…", HeadSize: 9, HeadSeen: 2, Target: 10, Pending: 1, Contact: 3,
			Trouble: []string{"hidden"}, Beyond: map[status.Kind]int64{"sequence-gap": 4}, Alarms: []status.Alarm{
				{ID: "00112233445566ff", Log: "log.example", Kind: status.Fork, Time: 4, Detail: "two roots", Sizes: []int64{9, 9}, From: "client",
					Evidence: []string{"evidence/fork-00112233445566ff.fork"}},
				{ID: "00112233445566fe", Log: "log.example", Kind: "bad-signature", Time: 5, Detail: "entry 7", Index: &index},
			}}},
		Peers: []status.Peer{{URL: "http://peer.example", Asked: 6, Spoke: 5, Trouble: true}}}
}

func encoded(t testing.TB, r *status.Report) string {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestParse(t *testing.T) {
	want := report()
	got, err := status.Parse([]byte(encoded(t, want)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a report reads back as another (-want +got):\n%s", diff)
	}
	if s, ok := got.Of("log.example"); !ok || s.Raised() != 6 {
		t.Errorf("%d alarms, want 2 that are there and 4 that were counted", s.Raised())
	}
	if _, ok := got.Of("other.example"); ok {
		t.Error("a log is found that isn't there")
	}
}

func TestParseRefuses(t *testing.T) {
	change := func(f func(r *status.Report)) string {
		r := report()
		f(r)
		return encoded(t, r)
	}
	whole := encoded(t, report())
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "EOF"},
		{"null", "null", "names no logs"},
		{"no logs", `{}`, "names no logs"},
		{"another sort", `[]`, "cannot unmarshal"},
		{"what is unknown", `{"logs":[],"more":1}`, "unknown field"},
		{"something behind", whole + "{}", "something follows"},
		{"no UTF-8", strings.Replace(whole, "two roots", "two \xff", 1), "UTF-8"},
		{"too long", whole + strings.Repeat(" ", status.MaxReport), "more than"},
		{"no alarms", change(func(r *status.Report) { r.Logs[0].Alarms = nil }), "which alarms"},
		{"a log twice", change(func(r *status.Report) { r.Logs = append(r.Logs, r.Logs[0]) }), "twice"},
		{"a log without a name", change(func(r *status.Report) { r.Logs[0].Log, r.Logs[0].Alarms = "", []status.Alarm{} }), "no name"},
		{"too many logs", change(func(r *status.Report) { r.Logs = make([]status.Standing, 257) }), "257 logs"},
		{"too many peers", change(func(r *status.Report) { r.Peers = make([]status.Peer, 257) }), "257 peers"},
		{"too many alarms", change(func(r *status.Report) { r.Logs[0].Alarms = make([]status.Alarm, 4097) }), "4097 alarms"},
		{"another log's alarm", change(func(r *status.Report) { r.Logs[0].Alarms[0].Log = "other.example" }), "another log"},
		{"a strange id", change(func(r *status.Report) { r.Logs[0].Alarms[0].ID = "00112233445566FF" }), "hex digits"},
		{"a strange kind", change(func(r *status.Report) { r.Logs[0].Alarms[0].Kind = "<b>" }), "no kind"},
		{"no kind", change(func(r *status.Report) { r.Logs[0].Alarms[0].Kind = "" }), "no kind"},
		{"a long detail", change(func(r *status.Report) { r.Logs[0].Alarms[0].Detail = strings.Repeat("a", status.MaxDetail+1) }), "its detail has"},
		{"a negative time", change(func(r *status.Report) { r.Logs[0].Alarms[0].Time = -1 }), "out of range"},
		{"a negative index", change(func(r *status.Report) { *r.Logs[0].Alarms[1].Index = -1 }), "out of range"},
		{"a huge size", change(func(r *status.Report) { r.Logs[0].Size = 1 << 53 }), "out of range"},
		{"a way out of the directory", change(func(r *status.Report) { r.Logs[0].Alarms[0].Evidence[0] = "evidence/../../etc/passwd" }), "no name of evidence"},
		{"a hidden file", change(func(r *status.Report) { r.Logs[0].Alarms[0].Evidence[0] = "evidence/..fork" }), "no name of evidence"},
		{"a long address", change(func(r *status.Report) { r.Peers[0].URL = strings.Repeat("a", 3000) }), "a peer's address"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			if _, err := status.Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(encoded(f, report())))
	f.Add([]byte(`{"logs":[]}`))
	f.Add([]byte(`{"logs":[{"log":"a","law":true,"size":0,"headSize":0,"alarms":[]}],"peers":[{"url":"","trouble":false}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := status.Parse(text)
		if err != nil {
			return
		}
		again, err := status.Parse([]byte(encoded(t, r)))
		if err != nil {
			t.Fatalf("a report that was read can't be read again: %v", err)
		}
		if diff := cmp.Diff(encoded(t, r), encoded(t, again)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestClient(t *testing.T) {
	answer := func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/eye/v1/status":
			if r.URL.Query().Get("log") != "log.example" {
				http.Error(w, "which log?", http.StatusBadRequest)
				return
			}
			_ = json.NewEncoder(w).Encode(report())
		case "/eye/v1/evidence/" + status.LogDir("log.example") + "/fork-00112233445566ff.fork":
			_, _ = w.Write([]byte("evidence"))
		case "/slow/v1/status":
			<-r.Context().Done()
		case "/big/v1/status":
			for range 17 {
				_, _ = w.Write(make([]byte, 1<<20))
			}
		default:
			http.NotFound(w, r)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(answer))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	client := func(path string, timeout time.Duration) *status.Client {
		t.Helper()
		c, err := status.NewClient("http://user:secret@"+host+path, &http.Client{Timeout: timeout})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := client("/eye", 10*time.Second)
	if c.Host() != host+"/eye" {
		t.Errorf("it is shown as %s", c.Host())
	}
	r, err := c.Report(t.Context(), "log.example")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(report(), r); diff != "" {
		t.Error(diff)
	}
	a := r.Logs[0].Alarms[0]
	if b, err := c.Evidence(t.Context(), &a, a.Evidence[0]); err != nil || string(b) != "evidence" {
		t.Errorf("the evidence is %q, %v", b, err)
	}
	if _, err := c.Evidence(t.Context(), &a, "evidence/../status"); err == nil {
		t.Error("what is no evidence was asked for")
	}
	if _, err := client("/eye", time.Second).Report(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("an error is answered with %v", err)
	}
	if _, err := client("/slow/", 50*time.Millisecond).Report(t.Context(), ""); !os.IsTimeout(errors.Unwrap(err)) || strings.Contains(err.Error(), "secret") {
		t.Errorf("a monitor that doesn't answer gives %v", err)
	}
	if _, err := client("/big", 10*time.Second).Report(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("too long an answer gives %v", err)
	}
	for _, base := range []string{"", "ftp://a/", "http://", "http://a/?b=c", "http://a/#b", "\x00"} {
		if _, err := status.NewClient(base, http.DefaultClient); err == nil {
			t.Errorf("%q is taken for a monitor's address", base)
		}
	}
}
