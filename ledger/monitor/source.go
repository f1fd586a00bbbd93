package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/attestlog/attestlog/ledger/verify"
)

// Source is a place from which a log is read: C2SP tlog-tiles. Nothing that comes from it is believed.
type Source interface {
	// Get reads what is at a path, such as checkpoint or tile/entries/x001/234, of at most that many bytes. What the place says it
	// doesn't have gives [ErrMissing]; other errors mean that it couldn't be asked.
	Get(ctx context.Context, path string, most int64) ([]byte, error)
	// String names the place, for people.
	String() string
}

// ErrMissing says that a log doesn't have what it was asked for.
var ErrMissing = errors.New("the log says that it has no such thing")

// unreadable is an error of a Source that couldn't be asked.
type unreadable struct{ err error }

func (e *unreadable) Error() string { return e.err.Error() }
func (e *unreadable) Unwrap() error { return e.err }

const (
	maxCheckpoint = verify.MaxNote
	tries         = 4
	firstPause    = 100 * time.Millisecond
	longestPause  = 5 * time.Second
)

// httpSource reads a log over HTTP.
type httpSource struct {
	base   *url.URL
	client *http.Client
}

// NewHTTPSource makes a source of the log at a base URL, such as https://log.example/. It asks again what failed for the network's or the server's
// sake, a few times.
func NewHTTPSource(base string, client *http.Client) (Source, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q can't be the address of a log: want http://HOST/ or https://HOST/", base)
	}
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
	}
	return &httpSource{u, client}, nil
}

// String implements Source. It ends up in alarms, which anybody may read: a user's name and password are left out.
func (s *httpSource) String() string {
	shown := *s.base
	shown.User = nil
	return shown.String()
}

// Get implements Source.
func (s *httpSource) Get(ctx context.Context, path string, most int64) ([]byte, error) {
	pause := firstPause
	for try := 1; ; try++ {
		b, wait, err := s.once(ctx, path, most)
		if err == nil || errors.Is(err, ErrMissing) || try == tries || wait < 0 || ctx.Err() != nil {
			return b, err
		}
		if sleep(ctx, min(max(wait, pause), longestPause)) != nil {
			return nil, err // says more than that the time is over
		}
		pause *= 4
	}
}

// once asks once. A negative wait says that it makes no sense to ask again.
func (s *httpSource) once(ctx context.Context, path string, most int64) (_ []byte, wait time.Duration, err error) {
	fail := func(wait time.Duration, format string, args ...any) ([]byte, time.Duration, error) {
		return nil, wait, &unreadable{fmt.Errorf("couldn't read %s: %w", path, fmt.Errorf(format, args...))}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base.String()+path, nil)
	if err != nil {
		return fail(-1, "%w", err)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return fail(0, "%w", err)
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusNotFound || response.StatusCode == http.StatusGone:
		return nil, 0, fmt.Errorf("couldn't read %s: %w", path, ErrMissing)
	case response.StatusCode == http.StatusTooManyRequests || response.StatusCode >= 500:
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		return fail(time.Duration(max(0, min(seconds, 60)))*time.Second, "the server answers %s", response.Status)
	case response.StatusCode != http.StatusOK:
		return fail(-1, "the server answers %s", response.Status)
	}
	b, err := io.ReadAll(io.LimitReader(response.Body, most+1))
	if err != nil {
		return fail(0, "%w", err)
	}
	if int64(len(b)) > most {
		return fail(-1, "it has more than the %d bytes that it may have", most)
	}
	return b, 0, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// tiles reads the hash tiles of one head, each once. It is for one goroutine.
type tiles struct {
	source Source
	known  map[string][]byte
}

// maxTiles bounds how many tiles are remembered: 8 MiB.
const maxTiles = 1024

func newTiles(s Source) *tiles { return &tiles{s, map[string][]byte{}} }

// nodes reads nodes of a head's tree, which are checked against its root.
func (t *tiles) nodes(head verify.Head) verify.Nodes { return verify.TileNodes(head, t.get) }

func (t *tiles) get(ctx context.Context, path string) ([]byte, error) {
	if b, ok := t.known[path]; ok {
		return b, nil
	}
	b, err := getPartial(ctx, t.source, path, tlog.HashSize*torchwood.TileWidth, func(full []byte, width int) ([]byte, error) {
		return full[:min(len(full), width*tlog.HashSize)], nil
	})
	if err != nil {
		return nil, err
	}
	if len(t.known) >= maxTiles {
		clear(t.known)
	}
	t.known[path] = b
	return b, nil
}

// getPartial reads a tile; where a log has no partial one any more because the full one is there, that one is cut (C2SP tlog-tiles).
func getPartial(ctx context.Context, s Source, path string, most int64, cut func(full []byte, width int) ([]byte, error)) ([]byte, error) {
	b, err := s.Get(ctx, path, most)
	whole, partial, isPartial := strings.Cut(path, ".p/")
	if !isPartial || !errors.Is(err, ErrMissing) {
		return b, err
	}
	full, again := s.Get(ctx, whole, most)
	if again != nil {
		return nil, err
	}
	width, err := strconv.Atoi(partial)
	if err != nil {
		return nil, err
	}
	return cut(full, width)
}

// maxBundle bounds an entry bundle, in bytes.
const maxBundle = torchwood.TileWidth * (2 + 1<<16)

// bundle reads the first width leaves of bundle n.
func bundle(ctx context.Context, s Source, n int64, width int) ([][]byte, error) {
	path := torchwood.TilePath(tlog.Tile{H: torchwood.TileHeight, L: -1, N: n, W: width})
	b, err := getPartial(ctx, s, path, maxBundle, cutBundle)
	if err != nil {
		return nil, err
	}
	leaves := make([][]byte, width)
	rest := b
	for i := range leaves {
		if leaves[i], rest, err = torchwood.ReadTileEntry(rest); err != nil {
			return nil, &contentError{fmt.Errorf("%s is no bundle of %d entries: %w", path, width, err)}
		}
	}
	if len(rest) > 0 {
		return nil, &contentError{fmt.Errorf("%s is no bundle of %d entries: %d bytes follow them", path, width, len(rest))}
	}
	return leaves, nil
}

// cutBundle is the beginning of a full bundle.
func cutBundle(full []byte, width int) ([]byte, error) {
	rest := full
	for range width {
		var err error
		if _, rest, err = torchwood.ReadTileEntry(rest); err != nil {
			return full, nil // whoever reads it says what is wrong
		}
	}
	return full[:len(full)-len(rest)], nil
}

// contentError says that what a log serves is not what it should be.
type contentError struct{ err error }

func (e *contentError) Error() string { return e.err.Error() }
