package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/attestlog/attestlog/api/client"
)

func TestWitnesses(t *testing.T) {
	answer := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/witnesses" {
			t.Errorf("asked for %s", r.URL)
		}
		_, _ = w.Write([]byte(answer))
	}))
	defer server.Close()
	c, err := client.New(server.URL, client.Options{LogKey: newMemLog(t).public})
	if err != nil {
		t.Fatal(err)
	}
	answer = `{"quorum":"1 of (north)","satisfied":true,"size":7,"witnesses":[{"alarm":false,"cosigned":1700000000000,"key":"k","name":"north","size":7,"state":"fresh"},
		{"alarm":true,"asked":1700000001000,"key":"l","name":"south","size":0,"state":"trouble","unawaited":true}]}`
	w, err := c.Witnesses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	north, south := w.List[0], w.List[1]
	if w.Quorum != "1 of (north)" || !w.Satisfied || w.Size != 7 || north.Name != "north" || north.Size != 7 || north.State != "fresh" || !north.Cosigned.Equal(time.UnixMilli(1700000000000)) || !north.Asked.IsZero() {
		t.Errorf("%+v", w)
	}
	if !south.Unawaited || north.Unawaited {
		t.Errorf("heads wait for %+v, and not for %+v", south, north)
	}
	if !south.Alarm || south.State != "trouble" || !south.Cosigned.IsZero() || south.Asked.IsZero() {
		t.Errorf("%+v", south)
	}
	for _, answer = range []string{`{`, `{"witnesses":[{"state":"<b>"}]}`} {
		if _, err := c.Witnesses(t.Context()); !errors.As(err, new(*client.Alarm)) {
			t.Errorf("%s: %v", answer, err)
		}
	}
}
