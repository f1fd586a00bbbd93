package api

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/attestlog/attestlog/ledger"
)

// witnessed is a log with witnesses in every state there is.
type witnessed struct {
	stub
	size int64
	all  ledger.Witnesses
}

func (w *witnessed) Published() (ledger.PublishedHead, bool) {
	return ledger.PublishedHead{Size: w.size}, w.size > 0
}
func (w *witnessed) Witnesses() ledger.Witnesses { return w.all }

func TestWitnessesAreShown(t *testing.T) {
	at := time.UnixMilli(1700000000000)
	log := &witnessed{size: 9, all: ledger.Witnesses{Quorum: "2 of (a, b, c)", Satisfied: true, List: []ledger.WitnessStatus{
		{Name: "a", Key: "a+1+x", URL: "http://10.1.2.3/", Size: 9, Asked: at, Cosigned: at},
		{Name: "b", Key: "b+1+x", URL: "http://10.1.2.3/", Size: 7, Asked: at, Cosigned: at},
		{Name: "c", Key: "c+1+x", URL: "http://10.1.2.3/", Size: 7, Asked: at, Cosigned: at, Unawaited: true, Trouble: "dial tcp 10.1.2.3: refused"},
		{Name: "d", Key: "d+1+x"},
		{Name: "e", Key: "e+1+x", URL: "http://10.1.2.3/", Asked: at, Trouble: "the witness answered 422", Alarm: "the witness answered 422"},
	}}}
	get := func(server, query string) (int, string) {
		t.Helper()
		answer, err := http.Get(server + "/v1/witnesses" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(body)
	}
	server := serve(t, Config{Ledger: log, Keys: keyRing{}})
	status, body := get(server.URL, "")
	var answer struct {
		Quorum    string
		Satisfied bool
		Size      int64
		Witnesses []struct {
			Name, Key, State      string
			Alarm, Unawaited      bool
			Size, Asked, Cosigned int64
		}
	}
	if err := jsonInto([]byte(body), &answer); err != nil || status != 200 {
		t.Fatal(status, err)
	}
	var states []string
	for _, w := range answer.Witnesses {
		states = append(states, w.Name+" "+w.State)
		if w.Alarm != (w.Name == "e") {
			t.Errorf("witness %s: alarm %t", w.Name, w.Alarm)
		}
		if w.Unawaited != (w.Name == "c") {
			t.Errorf("witness %s: unawaited %t", w.Name, w.Unawaited)
		}
	}
	if got := strings.Join(states, ", "); got != "a fresh, b behind, c trouble, d not-asked, e trouble" {
		t.Errorf("states: %s", got)
	}
	if !answer.Satisfied || answer.Quorum != "2 of (a, b, c)" || answer.Size != 9 || answer.Witnesses[0].Cosigned != at.UnixMilli() {
		t.Errorf("answer: %s", body)
	}
	if strings.Contains(body, "10.1.2.3") {
		t.Errorf("the answer tells where witnesses are: %s", body)
	}
	if status, body := get(server.URL, "?x=1"); status != 400 {
		t.Errorf("an unknown parameter gets %d %s", status, body)
	}
	// A log without a policy, before its first head.
	none := serve(t, Config{Ledger: &witnessed{all: ledger.Witnesses{Satisfied: true}}, Keys: keyRing{}})
	if status, body := get(none.URL, ""); status != 200 || !strings.Contains(body, `"quorum":"none"`) || !strings.Contains(body, `"witnesses":[]`) {
		t.Errorf("without witnesses: %d %s", status, body)
	}
}
