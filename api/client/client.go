// Package client speaks to a log over HTTP, and believes nothing that it can check.
//
// A Client is made with the log's public key, and holds every answer against it: heads must be signed by that key and must
// continue each other, a receipt's leaf must be the event that was sent and stand where the receipt says, an
// entry must have the digest that was asked for. An answer that fails is an *Alarm: not a mistake of the network, but a log that
// says what it can't, or somebody in between. Refusals are *Problem, and say what to do.
//
// What a log showed it, a client keeps (Client.Seen, for its next session), and can tell monitors (Client.Gossip), which hold it against what the log
// showed others: a log that shows each of two readers a history without fault is found out only so.
//
// A Source is what an application uses that reports events: one call to Record, from any number of goroutines. It numbers,
// proves, signs, keeps on disk, sends in batches, and after a crash goes on where it was.
//
// The package links no database, no log server and no prover, so that it can be vendored.
package client

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/semaphore"

	"github.com/attestlog/attestlog/ledger/verify"
)

// Options say how to reach a log.
type Options struct {
	// LogKey is the log's public key in the form of a note verifier key (golang.org/x/mod/sumdb/note), obtained from
	// somewhere else than the log itself. Its name is the log's origin.
	LogKey string
	// HTTP does the requests; a client with sane timeouts of its own if nil. Requests end with their context in any case.
	HTTP *http.Client
	// Logger is told of retries; nil for none. It never gets payloads.
	Logger *slog.Logger
	// Retries is how often a request is tried again that met a broken network, 429 or 503: 8 if 0, never if negative. All of the
	// log's requests may be repeated, since an event is logged once however often it is sent.
	Retries int
	// Pause is the longest pause before the first retry, doubled before each further one up to MaxPause; the actual pause
	// is random below that, but at least what Retry-After says. 100 ms and 10 s if zero.
	Pause, MaxPause time.Duration
	// Patience is how long a published head is awaited that has an entry which the log has: 20 s if 0, not at all if negative.
	Patience time.Duration
	// Trusted is a signed head of this log from an earlier session (Client.Head), which the log's heads must continue; nil for none.
	Trusted []byte
	// Seen is what an earlier session was shown (Client.Seen); nil for nothing. Its first head is trusted as Trusted is, where there is no Trusted; the others
	// are held against what the log shows for their sizes, and given to monitors (Client.Gossip).
	Seen *verify.Gossip
	// Policy, if not nil, says whose cosignatures a published head needs: one without its quorum is refused with a
	// *verify.QuorumError. Receipts come with a head that nobody cosigned yet; WaitWitnessed waits for one that somebody did.
	Policy *verify.Policy
	// Provers are the names of the provers that witnesses are sealed to: all that are live if there are none here. Who is a prover is
	// for the log's operator to say; who may read a witness is for its owner.
	Provers []string
	// Unlinked leaves out the consistency proof that the client otherwise asks for with every new head of a receipt. Heads
	// are then only compared where their sizes are the same, until Checkpoint is called.
	Unlinked bool
}

// Client reads and writes one log. It is safe for concurrent use.
type Client struct {
	base     *url.URL
	http     *http.Client
	logger   *slog.Logger
	key      note.Verifier
	vkey     string
	retries  int
	pause    time.Duration
	most     time.Duration
	patience time.Duration
	policy   *verify.Policy // may be nil
	provers  []string       // whom witnesses are sealed to; all if empty
	heads    heads
}

// New makes a client of the log at a base URL, such as https://log.example/. It sends nothing yet.
func New(baseURL string, o Options) (*Client, error) {
	base, err := url.Parse(baseURL)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("%q can't be the address of a log: want http://HOST/ or https://HOST/", baseURL)
	}
	if !strings.HasSuffix(base.Path, "/") {
		base.Path += "/"
	}
	key, err := note.NewVerifier(o.LogKey)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the log's public key: %w", err)
	}
	c := &Client{base: base, http: o.HTTP, logger: o.Logger, key: key, vkey: o.LogKey, retries: o.Retries, pause: o.Pause, most: o.MaxPause, patience: o.Patience}
	if c.http == nil {
		c.http = &http.Client{Transport: transport()}
	}
	if c.logger == nil {
		c.logger = slog.New(slog.DiscardHandler)
	}
	if c.retries == 0 {
		c.retries = 8
	}
	if c.pause == 0 {
		c.pause = 100 * time.Millisecond
	}
	if c.most == 0 {
		c.most = 10 * time.Second
	}
	if c.patience == 0 {
		c.patience = publishPatience
	}
	if o.Policy != nil && !o.Policy.Knows(key) {
		return nil, fmt.Errorf("the witness policy is not about the log %s", o.LogKey)
	}
	c.policy, c.provers = o.Policy, o.Provers
	c.heads = heads{client: c, unlinked: o.Unlinked, linking: semaphore.NewWeighted(1), known: map[int64]known{}}
	if o.Trusted != nil {
		if err := c.heads.trust(o.Trusted); err != nil {
			return nil, err
		}
	}
	if o.Seen != nil {
		if err := c.heads.recall(o.Seen); err != nil {
			return nil, fmt.Errorf("couldn't take what was seen before: %w", err)
		}
	}
	return c, nil
}

// transport is the standard one with a bound on how long a log may take to begin its answer.
func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = 2 * time.Minute
	t.MaxIdleConnsPerHost = 64
	return t
}

// Origin is the log's name.
func (c *Client) Origin() string { return c.key.Name() }

// Key verifies the log's notes.
func (c *Client) Key() note.Verifier { return c.key }

// VKey is the log's key as it was given: a vkey of C2SP signed-note.
func (c *Client) VKey() string { return c.vkey }

// Ready tells whether the log takes events; if not, the error is a *Problem that says why. It is asked once, without retries.
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.once(ctx, &request{method: http.MethodGet, path: "readyz", most: maxSmall})
	return err
}
