package api

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-chi/httprate"

	"github.com/attestlog/attestlog/ledger"
)

// quota holds clients back that send garbage: what they send is judged before it is refused, and judging costs. An honest
// client's events count for nothing here, however many they are.
type quota struct {
	limiter *httprate.RateLimiter // nil: no limit
	counter httprate.LimitCounter
	window  time.Duration
}

func newQuota(perMinute int) *quota {
	if perMinute < 0 {
		return &quota{}
	}
	window := time.Minute
	counter := httprate.NewLocalLimitCounter(window)
	return &quota{limiter: httprate.NewRateLimiter(perMinute, window, httprate.WithLimitCounter(counter)), counter: counter, window: window}
}

// admit refuses a request of a client that has used its quota up.
func (q *quota) admit(r *http.Request) error {
	if q.limiter == nil {
		return nil
	}
	if ok, _, err := q.limiter.Status(clientKey(r)); err != nil || ok {
		return err
	}
	return &ledger.Refusal{
		Code:       rateLimited,
		Detail:     "Too many events from your address were refused in the last minute: find out why before you send more.",
		RetryAfter: q.window,
	}
}

// charge counts refused events against a client's quota.
func (q *quota) charge(r *http.Request, events int) {
	if q.limiter == nil || events == 0 {
		return
	}
	_ = q.counter.IncrementBy(clientKey(r), time.Now().UTC().Truncate(q.window), events) // in memory: it can't fail
}

// chargeOutcomes charges those of the outcomes that an honest client wouldn't cause again and again.
func (q *quota) chargeOutcomes(r *http.Request, outcomes []ledger.Outcome) {
	garbage := 0
	for i := range outcomes {
		if refusal := outcomes[i].Refusal; refusal != nil && typeOf(refusal.Code).garbage {
			garbage++
		}
	}
	q.charge(r, garbage)
}

// clientKey is a client's address: of IPv6 the /64, which is what one client has.
func clientKey(r *http.Request) string {
	return httprate.CanonicalizeIP(middleware.GetClientIP(r.Context()))
}
