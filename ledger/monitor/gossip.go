package monitor

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/attestlog/attestlog/ledger/verify"
)

// gossip exchanges heads with a peer from time to time, until ctx ends.
func (m *Monitor) gossip(ctx context.Context, peer string) error {
	for {
		if err := m.Exchange(ctx, peer); err != nil {
			if broken := m.broken(); broken != nil {
				return broken
			}
			if ctx.Err() != nil {
				return nil
			}
			m.cfg.Logger.Warn("couldn't gossip", "peer", peer, "err", err)
		}
		if sleep(ctx, m.cfg.GossipEvery) != nil {
			return nil
		}
	}
}

// Exchange tells a peer what this monitor knows, and takes what it answers: one round of gossip.
func (m *Monitor) Exchange(ctx context.Context, peer string) error {
	err := m.exchange(ctx, peer)
	if ctx.Err() == nil {
		m.peers.spoken(peer, m.cfg.Now(), err == nil)
	}
	return err
}

func (m *Monitor) exchange(ctx context.Context, peer string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(peer, "/")+"/gossip/checkpoints", bytes.NewReader(m.Gossip().Encode()))
	if err != nil {
		return fmt.Errorf("couldn't gossip: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := m.cfg.HTTP.Do(request)
	if err != nil {
		return fmt.Errorf("couldn't gossip: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, verify.MaxGossip+1))
	if err != nil {
		return fmt.Errorf("couldn't gossip: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("couldn't gossip: %s answers %s", peer, response.Status)
	}
	g, err := verify.ParseGossip(body)
	if err != nil {
		return fmt.Errorf("couldn't gossip with %s: %w", peer, err)
	}
	return m.Receive(ctx, g, peer)
}

// Handler serves what others ask of a monitor: GET and POST /gossip/checkpoints, and for people and programs what package status says: GET /v1/status
// and GET /v1/evidence/{log}/{file}.
//
// Whoever posts gossip gets this monitor's in answer. From one address (of IPv6, one /64) come a few requests a second at most; each has at most 64 notes of at most
// 16 KiB, and costs a signature's verification for each that names a log which is followed.
func (m *Monitor) Handler() http.Handler {
	mux := http.NewServeMux()
	limit := &limiter{now: m.cfg.Now, buckets: map[string]*bucket{}}
	mux.HandleFunc("GET /gossip/checkpoints", m.getGossip)
	mux.HandleFunc("POST /gossip/checkpoints", func(w http.ResponseWriter, r *http.Request) {
		if !limit.allow(r.RemoteAddr) {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too much gossip from your address", http.StatusTooManyRequests)
			return
		}
		m.postGossip(w, r)
	})
	mux.HandleFunc("GET /v1/status", m.getStatus)
	mux.HandleFunc("GET /v1/evidence/{log}/{file}", m.getEvidence)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if err := m.broken(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	return mux
}

func (m *Monitor) getGossip(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	w.Write(m.Gossip().Encode())
}

func (m *Monitor) postGossip(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, verify.MaxGossip))
	if err != nil {
		http.Error(w, fmt.Sprintf("couldn't read the gossip: at most %d bytes are allowed", verify.MaxGossip), http.StatusRequestEntityTooLarge)
		return
	}
	g, err := verify.ParseGossip(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	if err := m.Receive(r.Context(), g, host); err != nil {
		m.cfg.Logger.LogAttrs(r.Context(), slog.LevelError, "couldn't take gossip", slog.Any("err", err))
		http.Error(w, "the monitor is in trouble", http.StatusInternalServerError)
		return
	}
	m.getGossip(w, r)
}

// Rate of requests from one address: so many at once, and so many a second in the long run.
const (
	gossipBurst  = 20
	gossipRate   = 2
	maxAddresses = 10000
)

// whoseAddress is what one client has of the address of a request: of IPv6 that is a /64, any address in which it can use.
func whoseAddress(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if ip = ip.Unmap().WithZone(""); ip.Is6() {
		return netip.PrefixFrom(ip, 64).Masked().String()
	}
	return ip.String()
}

// limiter holds addresses to that rate.
type limiter struct {
	now     func() time.Time
	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct {
	tokens float64
	since  time.Time
}

func (l *limiter) allow(address string) bool {
	host := whoseAddress(address)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	b := l.buckets[host]
	if b == nil {
		if len(l.buckets) >= maxAddresses {
			clear(l.buckets)
		}
		b = &bucket{gossipBurst, now}
		l.buckets[host] = b
	}
	b.tokens = min(gossipBurst, b.tokens+gossipRate*max(0, now.Sub(b.since).Seconds()))
	b.since = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
