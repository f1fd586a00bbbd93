package health_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/attestlog/attestlog/cmd/internal/health"
)

func TestAsk(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/sick", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "it isn't well", http.StatusServiceUnavailable)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	if err := health.Ask(t.Context(), server.URL+"/", "readyz", time.Minute); err != nil {
		t.Errorf("a server that is ready: %v", err)
	}
	if err := health.Ask(t.Context(), server.URL, "sick", time.Minute); err == nil || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "it isn't well") {
		t.Errorf("a server that isn't ready: %v", err)
	}
	if err := health.Ask(t.Context(), ":", "readyz", time.Minute); !errors.Is(err, health.ErrNoURL) {
		t.Errorf("no URL: %v", err)
	}
	address := server.URL
	server.Close()
	if err := health.Ask(t.Context(), address, "readyz", time.Minute); err == nil {
		t.Error("a server that is gone answers")
	}
}
