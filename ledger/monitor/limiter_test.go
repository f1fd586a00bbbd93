package monitor

import (
	"testing"
	"time"
)

// TestLimiter holds clients to their rate, whichever of their addresses and ports they send from, and nobody to another's.
func TestLimiter(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	l := &limiter{now: func() time.Time { return now }, buckets: map[string]*bucket{}}
	for client, addresses := range map[string][]string{
		"IPv4":        {"192.0.2.1:1000", "192.0.2.1:2000", "[::ffff:192.0.2.1]:3000"},
		"another":     {"192.0.2.2:1000"},
		"IPv6":        {"[2001:db8:0:1::1]:1000", "[2001:db8:0:1:ffff::9]:1000", "[2001:db8:0:1::1]:4000"},
		"a neighbour": {"[2001:db8:0:2::1]:1000"},
		"link-local":  {"[fe80::1%eth0]:1000", "[fe80::2%eth1]:1000"},
		"a socket":    {"@"},
	} {
		for i := range gossipBurst {
			if !l.allow(addresses[i%len(addresses)]) {
				t.Errorf("%s is refused request %d", client, i+1)
			}
		}
		for _, address := range addresses {
			if l.allow(address) {
				t.Errorf("%s may go on from %s", client, address)
			}
		}
	}
	now = now.Add(time.Second)
	for i := range gossipRate + 1 {
		if got := l.allow("192.0.2.1:1000"); got != (i < gossipRate) {
			t.Errorf("a second later request %d is allowed: %t", i+1, got)
		}
	}
}
