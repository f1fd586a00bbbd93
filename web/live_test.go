package web

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/attestlog/attestlog/ledger/monitor"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web/webtest"
)

var _ Watcher = (*monitor.Monitor)(nil)

// follow has a real monitor read a log up to its head, and serves it on loopback.
func follow(t *testing.T, log *webtest.Log, peers ...string) (*monitor.Monitor, string) {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	source, err := monitor.NewHTTPSource(log.URL, client)
	if err != nil {
		t.Fatal(err)
	}
	m, err := monitor.Open(monitor.Config{Dir: t.TempDir(), Logs: []monitor.LogConfig{{Key: log.Key, Law: true, Policy: log.Policy, Sources: []monitor.Source{source}}},
		Peers: peers, HTTP: client, Patience: time.Minute, Unreachable: time.Hour, Version: "v1.4.0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := m.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(m.Handler())
	t.Cleanup(server.Close)
	return m, server.URL
}

// splitView tells a monitor of a head that the log's key signed for somebody else: of so many entries, and of another history.
func splitView(t *testing.T, log *webtest.Log, m *monitor.Monitor, size int64) {
	t.Helper()
	note, err := verify.SignHead(log.Signer, size, sha256.Sum256([]byte("another history")))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Receive(t.Context(), &verify.Gossip{Checkpoints: [][]byte{note}}, "client"); err != nil {
		t.Fatal(err)
	}
}

// asked makes a monitor that is asked over HTTP, once.
func asked(t *testing.T, log *webtest.Log, name, url string) *RemoteMonitor {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	m, err := NewRemoteMonitor(RemoteConfig{URL: url, Name: name, Key: log.Key, HTTP: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	m.Ask(t.Context())
	return m
}
